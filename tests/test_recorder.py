"""Recordings hold every picture, mask and sound at its time, and survive what goes wrong."""

import subprocess
import sys
import threading
from collections.abc import Callable
from fractions import Fraction
from operator import itemgetter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from av.audio.stream import AudioStream
from av.container import InputContainer
from media import HEIGHT, WIDTH, environment, grey, levels

from nbst_live.capture.clip import ClipSource
from nbst_live.errors import SinkError, SourceEnded, SourceStalled
from nbst_live.parsing import Split
from nbst_live.sinks import frame_writer
from nbst_live.sinks.disk_file import DiskFile
from nbst_live.sinks.encoders import Encoder
from nbst_live.sinks.frame_writer import FrameWriter
from nbst_live.sinks.joined import JoinedSound
from nbst_live.sinks.recorder import GreyRecorder, How, Recorder

RATE = 48000


class TestFrameWriter:
    """What the recorder does when the encoder is too slow or fails."""

    @staticmethod
    def writer(
        write: Callable[[Any, float], None], *, drop: bool, finish: Callable[[], None] = lambda: None
    ) -> FrameWriter:
        return FrameWriter(lambda: np.zeros(1, np.uint8), write, finish, drop=drop)

    def test_live_a_slow_encoder_makes_it_drop(self) -> None:
        go_on, busy = threading.Event(), threading.Event()
        written: list[float] = []

        def slow(_: Any, time: float) -> None:
            busy.set()
            go_on.wait(5)
            written.append(time)

        writer = self.writer(slow, drop=True)
        writer.put(lambda _: None, 0)
        assert busy.wait(5)
        for time in range(1, frame_writer.QUEUE_LIMIT + 10):
            writer.put(lambda _: None, time)
        assert writer.dropped == 10
        go_on.set()
        writer.close()
        assert written == list(range(frame_writer.QUEUE_LIMIT))

    def test_offline_a_slow_encoder_makes_it_wait(self) -> None:
        go_on = threading.Event()
        written: list[int] = []

        def slow(buffer: Any, _: float) -> None:
            go_on.wait(5)
            written.append(int(buffer[0]))

        writer = self.writer(slow, drop=False)
        timer = threading.Timer(0.05, go_on.set)
        timer.start()
        for number in range(100):
            writer.put(lambda buffer, number=number: buffer.fill(number), 0)  # type: ignore[misc]
        writer.close()
        timer.join()
        assert written == list(range(100))
        assert writer.dropped == 0

    @pytest.mark.parametrize("drop", [True, False])
    def test_a_failing_encoder_reaches_the_caller_who_never_hangs(self, drop: bool) -> None:
        def failing(*_: Any) -> None:
            raise OSError("disk full")

        writer = self.writer(failing, drop=drop)
        with pytest.raises(OSError, match="disk full"):
            put_many(writer)
        with pytest.raises(OSError, match="disk full"):
            writer.close()
        writer.close()

    def test_a_failure_at_the_end_is_raised_by_close(self) -> None:
        def failing() -> None:
            raise OSError("no index")

        writer = self.writer(lambda *_: None, drop=False, finish=failing)
        with pytest.raises(OSError, match="no index"):
            writer.close()


def put_many(writer: FrameWriter) -> None:
    for _ in range(10_000_000):
        writer.put(lambda _: None, 0)


class TestRecorder:
    TIMES: ClassVar = [0, 0.04, 0.05, 0.15, 0.19, 0.3, 0.31, 0.5]

    @pytest.mark.parametrize(("name", "precision"), [("a.mp4", 1e-4), ("a.mov", 1e-4), ("a.mkv", 1.1e-3)])
    def test_every_picture_is_there_at_its_time(self, tmp_path: Path, name: str, precision: float) -> None:
        with Recorder(tmp_path / name, WIDTH, HEIGHT, 25, live=False) as recorder:
            for index, time in enumerate(self.TIMES):
                recorder.send(grey(20 + 30 * index), 7 + time)
        shown = levels(tmp_path / name)
        assert [time for time, _ in shown] == pytest.approx(self.TIMES, abs=precision)
        assert [level for _, level in shown] == pytest.approx([20 + 30 * index for index in range(8)], abs=3)
        assert recorder.dropped == 0

    def test_a_finished_file_is_ordinary(self, tmp_path: Path) -> None:
        with Recorder(tmp_path / "a.mp4", WIDTH, HEIGHT, 25, live=False) as recorder:
            for index in range(75):
                recorder.send(grey(index), index / 25)
        with av.open(tmp_path / "a.mp4") as container:
            stream = container.streams.video[0]
            assert (stream.frames, stream.codec_context.name, stream.pix_fmt) == (75, "h264", "yuv420p")
            assert stream.start_time == 0
            assert float((stream.duration or 0) * (stream.time_base or 0)) == pytest.approx(3)
            keyframes = [packet.pts or 0 for packet in container.demux(stream) if packet.is_keyframe]
            assert max(np.diff([*keyframes, 3 * 90000])) <= 90000

    def test_equal_and_backward_times_still_go_forward(self, tmp_path: Path) -> None:
        with Recorder(tmp_path / "a.mp4", WIDTH, HEIGHT, 25, live=False) as recorder:
            for time in (0, 0.04, 0.04, 0.03, 0.12):
                recorder.send(grey(99), time)
        times = [time for time, _ in levels(tmp_path / "a.mp4")]
        assert times == pytest.approx([0, 0.04, 0.041, 0.042, 0.12], abs=1e-4)

    def test_an_odd_size_is_cut(self, tmp_path: Path) -> None:
        with Recorder(tmp_path / "a.mp4", 65, 49, 25, live=False) as recorder:
            recorder.send(grey(50, 65, 49), 0)
        with av.open(tmp_path / "a.mp4") as container:
            assert (container.streams.video[0].width, container.streams.video[0].height) == (64, 48)

    @pytest.mark.parametrize("bgr", [(0, 0, 0), (255, 255, 255), (0, 0, 255), (255, 0, 0), (0, 255, 0)])
    def test_colours_come_back(self, tmp_path: Path, bgr: tuple[int, ...]) -> None:
        with Recorder(tmp_path / "a.mp4", WIDTH, HEIGHT, 25, live=False) as recorder:
            recorder.send(np.full((HEIGHT, WIDTH, 3), bgr, np.uint8), 0)
        with ClipSource(tmp_path / "a.mp4") as source:
            assert source.read().picture[24, 32] == pytest.approx(bgr, abs=4)

    @pytest.mark.parametrize(
        ("name", "says"),
        [("a.avi", "expected one of .mp4, .mov, .mkv"), ("a", "not given"), ("dir.mp4", "is a folder"),
         ("none/a.mp4", "there is no folder"), ("shut/a.mp4", "no permission")],
    )  # fmt: skip
    def test_a_target_that_cannot_be_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
    ) -> None:
        (tmp_path / "dir.mp4").mkdir()
        (tmp_path / "shut").mkdir()
        monkeypatch.setattr("os.access", lambda path, _: path.name != "shut")
        with pytest.raises(SinkError, match=says) as caught:
            Recorder(tmp_path / name, WIDTH, HEIGHT, 25, live=False)
        assert str(tmp_path / name) in str(caught.value)

    @pytest.mark.parametrize("kind", [".mp4", ".mov", ".mkv"])
    def test_without_a_picture_no_file_stays_where_none_was(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"a{kind}"
        for there in (False, True):
            Recorder(path, WIDTH, HEIGHT, 25, live=False).close()
            assert path.exists() == there
            path.touch()

    def test_a_file_that_cannot_be_opened_as_asked_keeps_what_it_held(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "a.mp4"
        path.write_bytes(b"an older recording")
        monkeypatch.setattr(
            "nbst_live.sinks.recorder.encoder_for", lambda *_, **__: Encoder("libx264", "yuv420p", {"preset": "none"})
        )
        with pytest.raises(SinkError, match="cannot be written"):
            Recorder(path, WIDTH, HEIGHT, 25, live=False)
        assert path.read_bytes() == b"an older recording"

    def test_what_the_system_says_on_closing_is_told_as_any_failure(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        close = DiskFile.close

        def over_quota(file: DiskFile) -> None:
            close(file)
            raise OSError("over quota")

        recorder = Recorder(tmp_path / "a.mp4", WIDTH, HEIGHT, 25, live=False)
        recorder.send(np.zeros((HEIGHT, WIDTH, 3), np.uint8), 0)
        monkeypatch.setattr(DiskFile, "close", over_quota)
        with pytest.raises(SinkError, match="over quota"):
            recorder.close()

    @pytest.mark.parametrize("kind", [".mp4", ".mkv"])
    def test_a_full_disk_is_told_in_one_line(self, tmp_path: Path, kind: str) -> None:
        pytest.importorskip("resource", reason="limits a process's files as POSIX systems do")
        full = subprocess.run(
            [sys.executable, "-c", FILL, str(tmp_path / f"a{kind}")], env=environment(), capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert (full.returncode, full.stderr) == (0, "")
        assert "SinkError recording" in full.stdout
        assert "File too large" in full.stdout
        assert "check the disk's free space" in full.stdout

    @pytest.mark.parametrize("kind", [".mp4", ".mov", ".mkv"])
    def test_what_a_full_disk_holds_plays_wherever_it_ended(self, tmp_path: Path, kind: str) -> None:
        pytest.importorskip("resource", reason="limits a process's files as POSIX systems do")
        full = subprocess.run(
            [sys.executable, "-c", OVERFILL, str(tmp_path), kind], env=environment(), capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        assert (full.returncode, full.stderr) == (0, "")
        files = sorted(tmp_path.iterdir())
        assert len(files) == full.stdout.count("File too large") == 12
        assert min(len(levels(path)) for path in files) >= 100

    @pytest.mark.parametrize("kind", [".mp4", ".mov", ".mkv"])
    def test_a_killed_process_leaves_a_file_that_plays(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / f"a{kind}"
        command = [sys.executable, "-c", RECORD, str(path)]
        with subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "sent\n"
            process.kill()
        shown = levels(path)
        assert 150 <= len(shown) < 300
        assert [level for _, level in shown] == pytest.approx([20 + index % 200 for index in range(len(shown))], abs=4)


# Sends ten seconds of pictures, then waits to be killed.
RECORD = """
import sys
import numpy as np
from nbst_live.sinks.recorder import Recorder
recorder = Recorder(sys.argv[1], 64, 48, 30, live=False)
for index in range(300):
    recorder.send(np.full((48, 64, 3), 20 + index % 200, np.uint8), index / 30)
print("sent", flush=True)
sys.stdin.read()
import time
time.sleep(60)
"""

# Records noise where no file may grow beyond 50 kB.
FILL = """
import resource, sys
import numpy as np
from nbst_live.errors import SinkError
from nbst_live.sinks.recorder import Recorder
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
try:
    with Recorder(sys.argv[1], 128, 96, 30, live=False) as recorder:
        for index in range(300):
            recorder.send(np.roll(noise, index * 7), index / 30)
except SinkError as error:
    print("SinkError", error)
"""

# Records where no file may grow beyond 20 kB and more: whatever is being written then does not fit.
OVERFILL = """
import resource, sys
import numpy as np
from nbst_live.errors import SinkError
from nbst_live.sinks.recorder import Recorder
for limit in range(20_000, 24_800, 400):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        with Recorder(f"{sys.argv[1]}/{limit}{sys.argv[2]}", 64, 48, 30, live=False) as recorder:
            for index in range(3000):
                recorder.send(np.full((48, 64, 3), 20 + index * 30 % 200, np.uint8), index / 30)
    except SinkError as error:
        print(error)
"""


class TestSound:
    """A flash and a beep at the same moments must stay together."""

    MARKS = (0.4, 1.2, 2.0)
    SECONDS = 2.4

    def make_clip(self, path: Path, codec: str, start: float, sound: float) -> Path:
        with av.open(path, "w") as container:
            video = container.add_stream("libx264", 30)
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            video.codec_context.time_base = Fraction(1, 90000)
            audio = cast("AudioStream", container.add_stream(codec, RATE, layout="mono"))
            for index in range(round(self.SECONDS * 30)):
                flash = any(mark <= index / 30 + 1e-6 < mark + 0.2 for mark in self.MARKS)
                frame = av.VideoFrame.from_ndarray(grey(235 if flash else 20), format="bgr24")
                frame.pts, frame.time_base = round((start + index / 30) * 90000), Fraction(1, 90000)
                container.mux(video.encode(frame))
            container.mux(video.encode())
            resampler = av.AudioResampler(audio.format, "mono", RATE, frame_size=audio.codec_context.frame_size or 1024)
            tone = av.AudioFrame.from_ndarray(self.tone(sound), format="fltp", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = RATE, round(start * RATE), Fraction(1, RATE)
            for part in (*resampler.resample(tone), *resampler.resample(None), None):
                container.mux(audio.encode(part))
        return path

    def tone(self, seconds: float) -> npt.NDArray[np.float32]:
        time = np.arange(int(seconds * RATE)) / RATE
        on = np.any([(mark <= time) & (time < mark + 0.2) for mark in self.MARKS], axis=0)
        return (0.8 * np.sin(2 * np.pi * 1000 * time) * on).astype(np.float32)[None]

    @staticmethod
    def flashes(path: Path) -> list[float]:
        with av.open(path) as container:
            lit = [
                (frame.time, bool(frame.to_ndarray(format="gray").mean() > 128)) for frame in container.decode(video=0)
            ]
        return [time for (time, on), (_, before) in zip(lit[1:], lit, strict=False) if on and not before]

    @staticmethod
    def beeps(path: Path) -> tuple[list[float], float]:
        """When beeps begin, and when the sound ends."""
        times, samples = [], []
        with av.open(path) as container:
            resampler = av.AudioResampler("flt", "mono", RATE)
            for frame in container.decode(audio=0):
                for part in resampler.resample(frame):
                    samples.append(np.abs(part.to_ndarray()[0]))
                    times.append((part.time or 0) + np.arange(part.samples) / RATE)
        at = np.concatenate(times)
        loud = at[np.concatenate(samples) > 0.2]
        return [float(time) for time in loud[np.diff(loud, prepend=-1) > 0.1]], float(at[-1])

    @pytest.mark.parametrize(
        ("source", "codec", "target", "carried"),
        [
            (".mp4", "aac", ".mp4", "aac"),
            (".mp4", "aac", ".mkv", "aac"),
            (".mkv", "libopus", ".mp4", "opus"),
            (".mkv", "libopus", ".mov", "aac"),
            (".mkv", "pcm_s16le", ".mp4", "aac"),
            (".ts", "aac", ".mp4", "aac"),
        ],
    )
    @pytest.mark.parametrize(("start", "skipped"), [(0.0, 0), (1.0, 10)])
    def test_flash_and_beep_stay_together(
        self, tmp_path: Path, source: str, codec: str, target: str, carried: str, start: float, skipped: int
    ) -> None:
        path = self.make_clip(tmp_path / f"in{source}", codec, start, sound=self.SECONDS + 1)
        recording = tmp_path / f"out{target}"
        record(path, recording, skipped)
        flashes, (beeps, end) = self.flashes(recording), self.beeps(recording)
        assert len(flashes) == len(beeps) == len(self.MARKS)
        assert flashes == pytest.approx(beeps, abs=0.02)
        first = self.MARKS[0] - skipped / 30
        assert flashes == pytest.approx([first + n * 0.8 for n in range(3)], abs=0.03)
        # The clip's sound is a second longer than its pictures; a packet more than these is kept at most.
        assert end == pytest.approx(self.SECONDS - skipped / 30, abs=0.06)
        with av.open(recording) as container:
            assert container.streams.audio[0].codec_context.codec.canonical_name == carried

    @pytest.mark.parametrize(("fps", "frames"), [(10, 3), (24, 8)])
    def test_pictures_decoded_out_of_order_are_no_join(self, tmp_path: Path, fps: int, frames: int) -> None:
        path = tmp_path / "in.mkv"
        with av.open(path, "w") as container:
            video = container.add_stream("libx264", fps, {"bf": str(frames), "b-adapt": "0"})
            video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
            sound = container.add_stream("aac", RATE, layout="mono")
            for index in range(4 * fps):
                container.mux(video.encode(av.VideoFrame.from_ndarray(grey(20 + index), format="bgr24")))
            tone = av.AudioFrame.from_ndarray(np.zeros((1, 4 * RATE), np.float32), format="fltp", layout="mono")
            tone.sample_rate, tone.pts, tone.time_base = RATE, 0, Fraction(1, RATE)
            container.mux(video.encode())
            container.mux(sound.encode(tone))
            container.mux(sound.encode())
        with av.open(path) as clip:
            packets = [packet for packet in clip.demux(clip.streams.audio[0]) if packet.pts is not None]
        with av.open(path) as clip:
            kept = [packet for packet in JoinedSound(clip, fps) if packet.pts is not None]
        assert [packet.pts for packet in kept] == [packet.pts for packet in packets]

    def test_sound_that_ends_early_holds_nothing_up(self, tmp_path: Path) -> None:
        path = self.make_clip(tmp_path / "in.mp4", "aac", 0, sound=1.0)
        record(path, tmp_path / "out.mp4")
        assert len(levels(tmp_path / "out.mp4")) == round(self.SECONDS * 30)
        assert self.beeps(tmp_path / "out.mp4")[1] == pytest.approx(1.0, abs=0.05)

    def join(self, path: Path, codec: str, *parts: tuple[float, float]) -> Path:
        """A clip of clips, of each of which the start and the sound's length are given."""
        whole = [self.make_clip(path, codec, start, sound).read_bytes() for start, sound in parts]
        path.write_bytes(b"".join(whole))
        return path

    @pytest.mark.parametrize(
        ("codec", "source", "target"),
        [("aac", ".ts", ".mp4"), ("mp2", ".ts", ".mkv"), ("mp3", ".ts", ".mkv"), ("mp2", ".mpg", ".mp4"),
         ("aac", ".mkv", ".mkv")],
    )  # fmt: skip
    @pytest.mark.parametrize("skipped", [0, 80])
    def test_flash_and_beep_stay_together_in_joined_clips(
        self, tmp_path: Path, codec: str, source: str, target: str, skipped: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = self.join(tmp_path / f"in{source}", codec, (0, self.SECONDS), (0, self.SECONDS))
        recording = tmp_path / f"out{target}"
        record(path, recording, skipped)
        flashes, (beeps, end) = self.flashes(recording), self.beeps(recording)
        marks = [part + mark - skipped / 30 for part in (0, self.SECONDS) for mark in self.MARKS]
        assert flashes == pytest.approx([mark for mark in marks if mark > 0], abs=0.03)
        assert beeps == pytest.approx(flashes, abs=0.02)
        assert end == pytest.approx(2 * self.SECONDS - skipped / 30, abs=0.06)
        assert "left out" not in caplog.text

    @pytest.mark.parametrize(
        ("parts", "begin"),
        [
            ([(30, 2.4), (0, 2.4)], 2.4),
            ([(1000, 2.4), (0, 2.4)], 2.4),
            ([(0, 2.4), (1, 2.4)], 2.4),
            ([(0, 3.4), (0, 3.4)], 2.4),
            # One that starts at 0 is moved by the two pictures that its encoder kept.
            ([(0, 2.4), (5, 2.4)], 5 - 2 / 30),
        ],
        ids=["before the first", "wrapped", "overlapping", "sound that is longer", "later"],
    )
    @pytest.mark.parametrize("target", [".mp4", ".mkv"])
    def test_flash_and_beep_stay_together_whenever_the_second_part_was(
        self, tmp_path: Path, parts: list[tuple[float, float]], begin: float, target: str
    ) -> None:
        """Copied into the one kind of file, encoded for the other, MP2 and AAC out of a transport stream."""
        path = self.join(tmp_path / "in.ts", "aac" if target == ".mp4" else "mp2", *parts)
        recording = tmp_path / f"out{target}"
        record(path, recording)
        flashes, (beeps, _) = self.flashes(recording), self.beeps(recording)
        assert flashes == pytest.approx([at + mark for at in (0, begin) for mark in self.MARKS], abs=0.04)
        assert beeps == pytest.approx(flashes, abs=0.02)

    def test_a_part_with_hardly_any_sound_moves_no_others(self, tmp_path: Path) -> None:
        path = self.join(tmp_path / "in.ts", "aac", (0, 2.4), (0, 0.1), (0, 2.4))
        record(path, tmp_path / "out.mp4")
        flashes, (beeps, _) = self.flashes(tmp_path / "out.mp4"), self.beeps(tmp_path / "out.mp4")
        assert len(flashes) == 9
        assert beeps == pytest.approx(flashes[:3] + flashes[6:], abs=0.02)

    @pytest.mark.parametrize("later", [-12, 12])
    def test_sound_may_step_back_before_its_pictures_or_after_them(self, tmp_path: Path, later: int) -> None:
        path = self.join(tmp_path / "in.ts", "aac", (0, self.SECONDS), (0, self.SECONDS))
        as_they_were, moved = ([packet.pts for packet in self.sound_moved_by(path, places)] for places in (0, later))
        assert moved == as_they_were
        assert max(filter(None, moved)) == pytest.approx(2 * self.SECONDS * 90000, abs=0.05 * 90000)

    @staticmethod
    def sound_moved_by(path: Path, places: int) -> list[Any]:
        """A clip's sound where each packet of it stands some places later in the file."""
        with av.open(path) as clip:
            placed = [
                (index + places * (packet.stream.type == "audio"), packet)
                for index, packet in enumerate(clip.demux())
                if packet.size
            ]
            packets = [packet for _, packet in sorted(placed, key=itemgetter(0))]
            moved = SimpleNamespace(streams=clip.streams, demux=lambda *_: iter(packets))
            return list(JoinedSound(cast("InputContainer", moved), 30))

    def test_a_silent_clip_gives_a_silent_recording(self, tmp_path: Path) -> None:
        with Recorder(tmp_path / "in.mp4", WIDTH, HEIGHT, 30, live=False) as recorder:
            recorder.send(grey(9), 0)
        record(tmp_path / "in.mp4", tmp_path / "out.mp4")
        with av.open(tmp_path / "out.mp4") as container:
            assert not container.streams.audio

    def test_the_clip_being_read_is_not_written_over(self, tmp_path: Path) -> None:
        path = self.make_clip(tmp_path / "in.mp4", "aac", 0, sound=1.0)
        before = path.read_bytes()
        with pytest.raises(SinkError, match="would be lost"):
            Recorder(tmp_path / "." / "in.mp4", WIDTH, HEIGHT, 30, live=False, audio_from=path)
        assert path.read_bytes() == before

    def test_where_the_sound_cannot_be_read_no_empty_file_stays(self, tmp_path: Path) -> None:
        (tmp_path / "in.mp4").write_bytes(b"no clip")
        with pytest.raises(SinkError, match="cannot read the sound"):
            Recorder(tmp_path / "out.mp4", WIDTH, HEIGHT, 30, live=False, audio_from=tmp_path / "in.mp4")
        assert not (tmp_path / "out.mp4").exists()
        with Recorder(tmp_path / "out.mp4", WIDTH, HEIGHT, 30, live=False):
            assert (tmp_path / "out.mp4").exists()

    def test_nor_by_a_numbered_part_of_a_recording(self, tmp_path: Path) -> None:
        path = self.make_clip(tmp_path / "in-001.mp4", "aac", 0, sound=1.0)
        before, how = path.read_bytes(), How(split=Split(seconds=60))
        with pytest.raises(SinkError, match="would be lost"):
            Recorder(tmp_path / "in.mp4", WIDTH, HEIGHT, 30, live=False, audio_from=path, how=how)
        assert path.read_bytes() == before

    def test_sound_of_what_is_no_clip_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "text.mp4").write_text("no clip")
        with pytest.raises(SinkError, match="cannot read the sound"):
            Recorder(tmp_path / "a.mp4", WIDTH, HEIGHT, 30, live=False, audio_from=tmp_path / "text.mp4")


def record(clip: Path, recording: Path, skipped: int = 0) -> None:
    """Passes a clip through, without its first frames."""
    with (
        ClipSource(clip) as source,
        Recorder(
            recording, source.info.width, source.info.height, source.info.fps, live=False, audio_from=clip
        ) as sink,
    ):
        while True:
            try:
                frame = source.read()
            except SourceStalled:
                continue
            except SourceEnded:
                return
            if frame.index >= skipped:
                sink.send(frame.picture, frame.time)


class TestGreyRecorder:
    @pytest.mark.parametrize(("width", "height"), [(64, 48), (33, 17)])
    def test_masks_come_back_bit_for_bit(
        self, tmp_path: Path, rng: np.random.Generator, width: int, height: int
    ) -> None:
        masks = [rng.integers(0, 256, (height, width), np.uint8) for _ in range(40)]
        masks[3:5] = [np.zeros_like(masks[0]), np.full_like(masks[0], 255)]
        with GreyRecorder(tmp_path / "a.mkv", width, height, 25) as recorder:
            buffer = np.empty((height, width), np.uint8)
            for index, mask in enumerate(masks):
                buffer[:] = mask
                recorder.send(buffer, index / 25)
        with av.open(tmp_path / "a.mkv") as container:
            assert container.streams.video[0].codec_context.name == "ffv1"
            frames = list(container.decode(video=0))
        assert [frame.format.name for frame in frames] == ["gray"] * 40
        assert all(frame.color_range == 2 for frame in frames)  # full range, as libavutil numbers it
        assert all(np.array_equal(frame.to_ndarray(), mask) for frame, mask in zip(frames, masks, strict=True))
        assert [frame.time for frame in frames] == pytest.approx([index / 25 for index in range(40)], abs=1e-3)
        capture = cv2.VideoCapture(str(tmp_path / "a.mkv"))
        assert np.array_equal(capture.read()[1][..., 0], masks[0])

    def test_another_container_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SinkError, match=r"\.mkv"):
            GreyRecorder(tmp_path / "a.mp4", 8, 8, 25)
