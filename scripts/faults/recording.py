"""Faults of recordings."""

import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import av

from faults import Outcome, Place, Skipped, check, fault
from faults.network_camera import NetworkCamera
from faults.program import SMALL_PAINTING, Program, shared_memory
from faults.witness import CLIP, FPS, FRAMES, Witness, frames_lost, watch_file
from nbst_live import app, endpoints, pipeline
from nbst_live.errors import SinkError
from nbst_live.fakes import FakeSource
from nbst_live.logs import start_log
from nbst_live.settings import Settings
from nbst_live.sinks.recorder import Recorder
from nbst_live.sinks.video_file import VideoFile

SAFE_SECONDS = 2.0
"""What a recording may lose of its end when its program is killed."""
DISK_KB = 500


@fault("program-killed-mp4", "the recording plays up to its last two seconds")
def killed_mp4(place: Place) -> Outcome:
    return _killed(place, ".mp4")


@fault("program-killed-mkv", "the recording plays up to its last two seconds")
def killed_mkv(place: Place) -> Outcome:
    return _killed(place, ".mkv")


def _killed(place: Place, suffix: str) -> Outcome:
    recording, before = place.folder / f"out{suffix}", shared_memory()
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera")
        with Program(*arguments, *SMALL_PAINTING) as program:
            began = program.wait_for("source: ")
            time.sleep(8)
            program.family()
            program.process.kill()
            ran = time.monotonic() - began
            program.wait()
        check(not program.left_behind(), "no process left behind")
    check(shared_memory() <= before, "no shared memory left behind")
    witness, times = watch_file(recording)
    check(times[-1] > ran - SAFE_SECONDS, f"the recording to play for {ran:.1f} s less two, got {times[-1]:.1f}")
    return Outcome(None, frames_lost(times) + round((ran - times[-1]) * FPS), raw_room_frames=witness.raw)


@fault("disk-full", "`recording ... cannot be written: No space left on device ...`, exit status 2; the file plays")
def disk_full(place: Place) -> Outcome:
    """A recording that is all there is."""
    with _small_disk(place.folder / "disk") as disk, NetworkCamera() as camera:
        recording = disk / "out.mp4"
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera")
        with Program(*arguments, *SMALL_PAINTING, verbose=False) as program:
            status = program.wait(120)
        check(status == 2, f"exit status 2, got {status}")
        check(
            program.said.count("\n") == 0 and "No space left" in program.said, f"one clear line, got {program.said!r}"
        )
        check(not program.left_behind(), "no process left behind")
        witness, times = watch_file(recording)
        check(times[-1] > 1, f"what fitted to play, got {times[-1]:.1f} s")
        return Outcome(None, frames_lost(times), _unplayed(recording), witness.raw)


@fault("disk-full-beside-a-live-picture", "the same line as a warning; the live picture goes on")
def disk_full_beside(place: Place) -> Outcome:
    start_log()
    with _small_disk(place.folder / "disk") as disk:
        witness, settings = Witness(), _settings(disk / "out.mkv")
        source = FakeSource(lambda index: CLIP.frame(index % FRAMES), frames=None, fps=FPS)
        ended_at = 0
        with app.open_live(settings, source=source, extra_sinks=(witness,)) as live:

            def tick() -> bool:
                nonlocal ended_at
                if not ended_at and live.outputs.sinks == [witness]:
                    ended_at = witness.taken
                check(witness.taken < 6000, "the recording to end")
                return not ended_at or witness.taken < ended_at + FRAMES

            pipeline.run(source, live.pipeline, live.outputs, tick)
            check(live.pipeline.counts.frames_in == witness.taken, "every frame to go out")
        recorded, times = watch_file(disk / "out.mkv")
        check(times[-1] > 1, f"what fitted to play, got {times[-1]:.1f} s")
        return Outcome(None, 0, _unplayed(disk / "out.mkv"), witness.raw + recorded.raw)


@fault("encoder-too-slow", "`recording ... lacks N pictures: ...`; the live picture goes on", simulated=True)
def encoder_too_slow(place: Place) -> Outcome:
    """Every picture of the recording takes half a second: the live way must not."""
    start_log()
    write = VideoFile.write

    def slowly(self: VideoFile, frame: av.VideoFrame, at: float) -> None:
        time.sleep(0.5)
        write(self, frame, at)

    witness, settings = Witness(), _settings(place.folder / "out.mkv")
    source = FakeSource(lambda index: CLIP.frame(index % FRAMES), frames=2 * FRAMES, fps=FPS)
    with (
        patch.object(VideoFile, "write", slowly),
        app.open_live(settings, source=source, extra_sinks=(witness,)) as live,
    ):
        recorder = next(sink for sink in live.outputs.sinks if isinstance(sink, Recorder))
        pipeline.run(source, live.pipeline, live.outputs, lambda: True)
        sends, dropped = live.pipeline.timer.stages["send"], recorder.dropped
    check(witness.taken == 2 * FRAMES, f"every frame to go out, got {witness.taken}")
    check(dropped > 0 and max(sends) < 0.5, f"pictures left out, no waiting; got {dropped}, {max(sends):.2f} s")
    recorded, _ = watch_file(place.folder / "out.mkv")
    check(recorded.taken == 2 * FRAMES - dropped, f"all others in the file, got {recorded.taken}")
    return Outcome(None, dropped, raw_room_frames=witness.raw + recorded.raw)


@fault("two-copies-one-recording", "the second: `another program is recording to it`, exit status 2; the first goes on")
def two_copies(place: Place) -> Outcome:
    recording = place.folder / "out.mp4"
    with NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera", *SMALL_PAINTING)
        with Program(*arguments) as first:
            first.wait_for("source: ")
            with Program(*arguments, verbose=False) as second:
                check(second.wait(60) == 2, f"exit status 2, got {second.process.returncode}")
                check("another program is recording to it" in second.said, f"a clear line, got {second.said!r}")
                check(second.said.count("\n") == 0, f"one line, got {second.said!r}")
            check(first.process.poll() is None, "the first copy to go on")
            first.process.send_signal(signal.SIGTERM)
            check(first.wait() == 0, f"exit status 0, got {first.process.returncode}")
    witness, times = watch_file(recording)
    return Outcome(None, frames_lost(times), raw_room_frames=witness.raw)


@fault("encoder-not-there", "`encoder h264_nvenc does not work here ...`, exit status 2; with auto x264 records")
def encoder_not_there(place: Place) -> Outcome:
    """FFmpeg has the encoder, this machine has no such card: it is really tried."""
    source = FakeSource([CLIP.frame(0)], fps=FPS)
    try:
        endpoints.open_recorder(
            _settings(place.folder / "a.mp4", encoder="nvenc"), place.folder / "a.mp4", source, live=True
        )
    except SinkError as error:
        check("does not work here" in str(error) and "--encoder" in str(error), f"a remedy, got {error}")
    else:
        raise Skipped("this machine has an NVIDIA card")
    path = place.folder / "b.mp4"
    with endpoints.open_recorder(_settings(path), path, source, live=True) as recorder:
        recorder.send(CLIP.frame(0), 0.0)
    check(len(watch_file(path)[1]) == 1, "a recording by x264")
    return Outcome()


@fault("microphone-lost", "`microphone ... gives no more sound; the recording goes on without`")
def microphone_lost(place: Place) -> Outcome:
    """The sound server is killed while the program records from it."""
    from sync_test import pulse

    recording = place.folder / "out.mp4"
    if shutil.which("pulseaudio") is None:
        raise Skipped("pulseaudio is not installed")
    with pulse(place.folder) as server, NetworkCamera() as camera:
        arguments = ("--input", camera.url, "--record", recording, "--no-virtual-camera", "--audio", "pulse")
        with Program(*arguments, *SMALL_PAINTING) as program:
            program.wait_for("source: ")
            time.sleep(4)
            server.kill()
            program.wait_for("gives no more sound", 30)
            time.sleep(3)
            program.process.send_signal(signal.SIGTERM)
            check(program.wait() == 0, f"exit status 0, got {program.process.returncode}: {program.said}")
    witness, times = watch_file(recording)
    check(times[-1] > 8, f"pictures to the end, got {times[-1]:.1f} s")
    return Outcome(None, frames_lost(times), raw_room_frames=witness.raw)


def _settings(path: Path, **more: str) -> Settings:
    return Settings(style=("swirl",), record=path, no_virtual_camera=True, threads=2, provider="cpu", **more)  # type: ignore[arg-type]


def _unplayed(path: Path) -> int:
    """Bytes of a recording that belong to no packet that can be read."""
    size = 0
    with av.open(path) as container:
        for packet in container.demux(video=0):
            size = max(size, (packet.pos or 0) + packet.size)
    return max(0, path.stat().st_size - size)


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A disk of DISK_KB kilobytes in that folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise Skipped("a small disk can be mounted by root alone")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
