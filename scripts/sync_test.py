"""How well a recording's sound and picture keep together: a flash and a beep at the same moments, through the program.

    python scripts/sync_test.py [--minutes 1] [--json FILE] [--keep FILE.mp4]

Starts a PulseAudio of its own with a null sink, plays a beep into it every other second, and lights up the person in
the camera's picture at the very moments at which PortAudio says that the beeps are heard. The live way, with the real
mask, records both (`--audio` the null sink's monitor), as fast as a camera would. Prints by how much the sound is late
for each pair, and fails where one is off by more than 40 ms, or one is missing. Needs `pulseaudio`, `libportaudio2` and
`libasound2-plugins` (Debian's names), and the extra `sound`.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from nbst_live import app, pipeline
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.closing import Closable
from nbst_live.settings import Settings
from nbst_live.stages import Frame, Picture, SourceInfo

WIDTH, HEIGHT, FPS = 320, 180, 30
EVERY, LASTS = 2.0, 0.2
"""Seconds between two marks, and how long each is."""
FIRST = 3.0
LIGHT = 70
"""Grey levels by which the person lights up."""
DRIVER_FRAMES = 8
TOLERANCE_MS = 40.0
RATE = 48000
ALSA_PULSE = "pcm.pulse { type pulse }\nctl.pulse { type pulse }\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--keep", type=Path, metavar="FILE.mp4", help="keep the recording as this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nbst-live-sync-") as folder:
        path = options.keep or Path(folder) / "sync.mp4"
        with pulse(Path(folder)):
            record(path, options.minutes * 60)
        late = [1e3 * (beep - flash) for flash, beep in pairs(flashes(path), beeps(path))]
    print(" ".join(f"{ms:.0f}" for ms in late), file=sys.stderr)
    expected = int((options.minutes * 60 - FIRST) / EVERY)
    figures = summary(np.array(late), expected)
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return int(not figures["passed"])


def summary(late: npt.NDArray[np.float64], expected: int) -> dict[str, Any]:
    """By how many milliseconds the sound is late: in all, and how that grows over the recording."""
    if len(late) < 2:
        return {"passed": False, "pairs": len(late), "expected": expected}
    drift = float(np.polyfit(np.arange(len(late)) * EVERY / 60, late, 1)[0])
    worst = float(np.abs(late).max())
    return {
        "passed": len(late) >= expected - 1 and worst <= TOLERANCE_MS,
        "pairs": len(late),
        "expected": expected,
        "late_ms_median": round(float(np.median(late)), 2),
        "late_ms_worst": round(worst, 2),
        "drift_ms_per_minute": round(drift, 3),
    }


@contextlib.contextmanager
def pulse(folder: Path) -> "Iterator[subprocess.Popen[bytes]]":
    """A PulseAudio server with a null sink, for this process alone, which PortAudio finds by ALSA's device `pulse`."""
    (folder / "asoundrc").write_text(ALSA_PULSE, encoding="utf-8")
    os.environ |= {
        "PULSE_RUNTIME_PATH": str(folder / "pulse"), "PULSE_STATE_PATH": str(folder / "state"),
        "PULSE_SERVER": f"unix:{folder}/socket", "PULSE_SOURCE": "null.monitor", "PULSE_SINK": "null",
        "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{folder}/asoundrc",
    }  # fmt: skip
    command = ["pulseaudio", "-n", "--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disable-shm=yes"]
    command += ["--high-priority=yes", "--realtime=yes"]
    command += ["-L", f"module-native-protocol-unix socket={folder}/socket auth-anonymous=1"]
    command += ["-L", f"module-null-sink sink_name=null rate={RATE}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (folder / "socket").exists():
            if server.poll() is not None:
                raise SystemExit(f"pulseaudio ended with {server.returncode}; expected it to run")
            time.sleep(0.05)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait()


class Beeper(Closable):
    """Plays a tone of 1 kHz for LASTS seconds at each moment of `moments`, on the monotonic clock."""

    def __init__(self, moments: list[float]) -> None:
        import sounddevice

        self._moments = np.array(moments)
        self._clock: Any = None
        self._stream = sounddevice.OutputStream(
            device="pulse", samplerate=RATE, channels=1, dtype="float32", latency=0.2, callback=self._fill
        )
        self._stream.start()

    def close(self) -> None:
        self._stream.close()

    def _fill(self, out: npt.NDArray[np.float32], count: int, when: Any, _status: object) -> None:
        start = time.monotonic() + when.outputBufferDacTime - when.currentTime
        at = start + np.arange(count) / RATE
        since = at - self._moments[np.maximum(np.searchsorted(self._moments, at, "right") - 1, 0)]
        out[:, 0] = 0.5 * np.sin(2 * np.pi * 1000 * at) * ((since >= 0) & (since < LASTS))


class FlashingCamera(Closable):
    """The synthetic person at FPS, lit up during each of `moments`.

    Every frame is taken at the moment it is due, as by a camera's own clock; a reader that is late finds the last
    DRIVER_FRAMES, as a driver keeps them.
    """

    def __init__(self) -> None:
        clip = SyntheticClip(WIDTH, HEIGHT, 100, fps=FPS)
        self._dark = [clip.frame(index) for index in range(100)]
        self._lit = [
            np.clip(dark + LIGHT * clip.alpha(index)[..., None], 0, 255).astype(np.uint8)
            for index, dark in enumerate(self._dark)
        ]
        began = time.monotonic()
        self.info = SourceInfo("flashing", WIDTH, HEIGHT, FPS, live=True, began=began)
        self.dropped = 0
        self.moments: list[float] = []
        self._index = -1

    def read(self) -> Frame:
        newest = int((time.monotonic() - self.info.began) * FPS)
        index = max(self._index + 1, newest - DRIVER_FRAMES)
        self.dropped += index - self._index - 1
        self._index = index
        taken = self.info.began + index / FPS
        time.sleep(max(0.0, taken - time.monotonic()))
        lit = any(0 <= taken - moment < LASTS for moment in self.moments)
        return Frame(self._of(self._lit if lit else self._dark), index, index / FPS, taken)

    def close(self) -> None:
        """Holds nothing."""

    def _of(self, pictures: list[Picture]) -> Picture:
        place = self._index % 198
        return pictures[min(place, 198 - place)].copy()


def record(path: Path, seconds: float) -> None:
    """The live way of the flashing camera and the null sink's monitor into a file."""
    camera = FlashingCamera()
    settings = Settings(
        style=("swirl",), record=path, audio="pulse", no_virtual_camera=True, threads=2, provider="cpu", refresh=0.0
    )
    with app.open_live(settings, source=camera) as live:
        began = time.monotonic()
        first = camera.info.began + round((began + FIRST - camera.info.began) * FPS) / FPS - 1e-3
        camera.moments = [first + EVERY * n for n in range(int((seconds - FIRST) / EVERY))]
        with Beeper(camera.moments):
            pipeline.run(camera, live.pipeline, live.outputs, lambda: time.monotonic() - began < seconds)


def flashes(path: Path) -> list[float]:
    """When the person lights up, in seconds of the recording: the first lit frame's time."""
    times, levels = [], []
    with av.open(path) as container:
        for frame in container.decode(video=0):
            picture = frame.to_ndarray(format="gray")
            levels.append(float(picture[HEIGHT // 2 :, WIDTH * 2 // 5 : WIDTH * 3 // 5].mean()))
            times.append(frame.time or 0.0)
    lit = np.array(levels) > (min(levels[FPS:]) + max(levels[FPS:])) / 2
    return [time for time, on, before in zip(times[1:], lit[1:], lit, strict=False) if on and not before]


def beeps(path: Path) -> list[float]:
    """When beeps begin, in seconds of the recording."""
    times, samples = [], []
    with av.open(path) as container:
        resampler = av.AudioResampler("flt", "mono", RATE)
        for frame in container.decode(audio=0):
            for part in resampler.resample(frame):
                samples.append(np.abs(part.to_ndarray()[0]))
                times.append((part.time or 0) + np.arange(part.samples) / RATE)
    at = np.concatenate(times)
    loud = at[np.concatenate(samples) > 0.1]
    return [float(time) for time in loud[np.diff(loud, prepend=-1) > EVERY / 4]]


def pairs(flashes: list[float], beeps: list[float]) -> Iterator[tuple[float, float]]:
    """Each flash and the beep nearest to it, where there is one within half the time between two."""
    for flash in flashes:
        nearest = min(beeps, key=lambda beep: abs(beep - flash), default=-EVERY)
        if abs(nearest - flash) < EVERY / 2:
            yield flash, nearest


if __name__ == "__main__":
    sys.exit(main())
