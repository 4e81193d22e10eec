"""A long run of the live loop at speed, refreshing and recording: memory, handles and latency, plotted.

    python scripts/soak.py [--minutes 30] [--out docs/soak]

A clip that goes forth and back for ever is played at --fps through the real mask, matte and composite, the room is
painted anew every --refresh seconds by the solver's process, and all is recorded, in files of five minutes that are
removed once the next one is begun. Every two seconds the resident memory of both processes, the open files and threads
of the live one, and the latency of the frames since then are noted. OUT.json gets the samples and what they come to,
OUT.png the plot. Fails when either process grows by 1 % or more after the first five minutes, or open files grow.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import psutil
from matplotlib.figure import Figure

from nbst_live import app, pipeline
from nbst_live.capture.decoding import decode_jpeg
from nbst_live.capture.pool import PicturePool
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.closing import Closable
from nbst_live.errors import SourceError
from nbst_live.logs import start_log
from nbst_live.parsing import Split
from nbst_live.report import memory_mb
from nbst_live.settings import Settings
from nbst_live.sinks.recorder import Recorder
from nbst_live.stages import Frame, SourceInfo

SAMPLE_SECONDS = 2.0
FILE_SECONDS = 300.0
CLIP_FRAMES = 150
SETTLED_SHARE = 1 / 6
"""Share of the run that is not judged: five minutes of thirty."""
GROWTH_LIMIT = 0.01


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen at one moment: seconds since the start, megabytes, counts, and milliseconds of the frames since."""

    at: float
    live_mb: float
    solver_mb: float
    files: int
    threads: int
    frames: int
    dropped: int
    recording_dropped: int
    solves: int
    p50_ms: float
    p99_ms: float


class LoopedCamera(Closable):
    """JPEG pictures of the synthetic clip, decoded as a webcam's are, forth and back for ever, at their own rate.

    A reader that is late misses pictures, as with a camera.
    """

    def __init__(self, size: tuple[int, int], fps: float) -> None:
        clip = SyntheticClip(*size, CLIP_FRAMES, fps=fps)
        jpegs = [cv2.imencode(".jpg", clip.frame(index))[1].tobytes() for index in range(CLIP_FRAMES)]
        self._jpegs, self._pool = [*jpegs, *jpegs[-2:0:-1]], PicturePool()
        self.info = SourceInfo("looped clip", *size, fps, live=True, began=time.monotonic())
        self.dropped = 0
        self._index = -1

    def read(self) -> Frame:
        now = time.monotonic()
        index = max(self._index + 1, int((now - self.info.began) * self.info.fps))
        self.dropped += index - self._index - 1 if self._index >= 0 else 0
        self._index = index
        time.sleep(max(0.0, self.info.began + index / self.info.fps - now))
        taken = time.monotonic()
        picture = decode_jpeg(self._jpegs[index % len(self._jpegs)], self._pool)
        if picture is None:
            raise SourceError("a picture of the clip cannot be decoded; expected JPEG")
        return Frame(picture, index, taken - self.info.began, taken)

    def close(self) -> None:
        """Holds nothing."""


class Notes:
    """Takes a sample whenever one is due; `tick` says whether to go on."""

    def __init__(self, live: app.Live, seconds: float, folder: Path) -> None:
        self.samples: list[Sample] = []
        self._live, self._seconds, self._folder = live, seconds, folder
        self._process = psutil.Process()
        self._began = self._last = time.monotonic()
        self._frames = 0

    def tick(self) -> bool:
        now = time.monotonic()
        if now - self._last >= SAMPLE_SECONDS:
            self._last = now
            self.samples.append(self._sample(now - self._began))
            for old in sorted(self._folder.glob("*.mp4"))[:-1]:
                old.unlink()
        return now - self._began < self._seconds

    def _sample(self, at: float) -> Sample:
        live, counts = self._live, self._live.pipeline.counts
        new = counts.frames_out - self._frames
        self._frames = counts.frames_out
        latencies = list(live.pipeline.timer.stages["latency"])[-new:] if new else [0.0]
        p50, p99 = (1e3 * float(np.percentile(latencies, share)) for share in (50, 99))
        recorders = [sink for sink in live.outputs.sinks if isinstance(sink, Recorder)]
        return Sample(
            round(at, 1), memory_mb() or 0.0, memory_mb(live.worker.pid) or 0.0, self._process.num_fds(),
            self._process.num_threads(), counts.frames_out, live.source.dropped,
            sum(recorder.dropped for recorder in recorders), live.backdrop.state.solves, round(p50, 2), round(p99, 2),
        )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--size", default="1280x720")
    parser.add_argument("--fps", type=float, default=30.0)
    parser.add_argument("--refresh", type=float, default=60.0)
    parser.add_argument("--style", default="swirl")
    parser.add_argument("--out", type=Path, default=Path("docs/soak"), help="path of the results, without an ending")
    options = parser.parse_args()
    width, _, height = options.size.partition("x")
    start_log()
    with tempfile.TemporaryDirectory(prefix="nbst-live-soak-") as folder:
        settings = Settings(
            style=(options.style,), record=Path(folder) / "soak.mp4", record_split=Split(seconds=FILE_SECONDS),
            no_virtual_camera=True, refresh=options.refresh,
        )  # fmt: skip
        camera = LoopedCamera((int(width), int(height)), options.fps)
        with app.open_live(settings, source=camera) as live:
            notes = Notes(live, options.minutes * 60, Path(folder))
            pipeline.run(camera, live.pipeline, live.outputs, notes.tick)
    figures = {"options": {k: str(v) for k, v in vars(options).items()}, **judged(notes.samples)}
    everything = figures | {"samples": [asdict(sample) for sample in notes.samples]}
    options.out.with_suffix(".json").write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    plot(notes.samples, options.out.with_suffix(".png"))
    print(json.dumps(figures, indent=2))
    return int(not figures["passed"])


def judged(samples: list[Sample]) -> dict[str, object]:
    """Growth from the first to the last tenth of the settled part, and latency in its two halves.

    By medians; the solver's memory, which it gives back between paintings, by the most it held.
    """
    settled = samples[int(len(samples) * SETTLED_SHARE) :]
    tenth = max(1, len(settled) // 10)

    def ends(name: str, of: Callable[[list[float]], float] = np.median) -> tuple[float, float]:
        values = [getattr(sample, name) for sample in settled]
        return float(of(values[:tenth])), float(of(values[-tenth:]))

    (live, live_end), (files, files_end) = ends("live_mb"), ends("files")
    solver, solver_end = ends("solver_mb", max)
    halves = np.array_split([sample.p99_ms for sample in settled], 2)
    growth, solver_growth = live_end / live - 1, solver_end / solver - 1
    last = samples[-1]
    return {
        "passed": max(growth, solver_growth) < GROWTH_LIMIT and files_end <= files,
        "seconds": last.at, "frames": last.frames, "dropped": last.dropped, "solves": last.solves,
        "recording_dropped": last.recording_dropped, "fps": round(last.frames / last.at, 2),
        "live_mb": [live, live_end], "live_growth": round(growth, 5),
        "solver_mb": [solver, solver_end], "solver_growth": round(solver_growth, 5),
        "files": [files, files_end], "p99_ms_halves": [round(float(np.median(half)), 1) for half in halves],
    }  # fmt: skip


def plot(samples: list[Sample], path: Path) -> None:
    """Memory, handles and latency over the minutes."""
    minutes = [sample.at / 60 for sample in samples]
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    memory, handles, latency = figure.subplots(3, sharex=True)
    for axes, names, label in (
        (memory, ("live_mb", "solver_mb"), "resident MB"),
        (handles, ("files", "threads"), "open files, threads"),
        (latency, ("p50_ms", "p99_ms"), "latency ms"),
    ):
        for name in names:
            axes.plot(minutes, [getattr(sample, name) for sample in samples], label=name, linewidth=1)
        axes.set_ylabel(label)
        axes.set_ylim(bottom=0)
        axes.legend(loc="lower right")
        axes.grid(alpha=0.3)
    latency.set_xlabel("minutes")
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    sys.exit(main())
