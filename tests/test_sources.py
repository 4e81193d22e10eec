"""Every source keeps the contract of stages.Source; then what only clips or only cameras do."""

import itertools
import logging
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from media import EVEN, HEIGHT, WIDTH, level, make_clip, picture_of

from nbst_live.capture import camera, clip, devices, hold
from nbst_live.capture.camera import CameraSource
from nbst_live.capture.clip import ClipSource
from nbst_live.capture.jpegs import JpegSource
from nbst_live.capture.opencv import Orientation, open_capture
from nbst_live.capture.pool import PicturePool
from nbst_live.errors import SettingError, SourceEnded, SourceError, SourceStalled
from nbst_live.fakes import FakeCamera, FakeSource
from nbst_live.frame_clock import FrameClock
from nbst_live.stages import Frame, Picture, Source

VARYING = tuple(itertools.accumulate([0, *([1 / 30, 1 / 24, 0.1, 1 / 60] * 5)]))


def make_sound(path: Path) -> Path:
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", 8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    return path


def jpeg_of(index: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    return cv2.imencode(".jpg", picture_of(index, width, height))[1].tobytes()


def make_headless(path: Path) -> Path:
    """A clip whose pictures are missing: its header alone."""
    whole = make_clip(path).read_bytes()
    moov = whole.index(b"moov") - 4
    path.write_bytes(whole[:32] + whole[moov:])
    return path


def read_some(source: Source, count: int) -> list[Frame]:
    """At most `count` frames; fewer when the source ends."""
    frames: list[Frame] = []
    deadline = time.monotonic() + 10
    while len(frames) < count:
        try:
            frames.append(source.read())
        except SourceEnded:
            break
        except SourceStalled:
            assert time.monotonic() < deadline, "no frame for ten seconds"
    return frames


def read_until_stall(source: Source) -> None:
    while True:
        source.read()


def read_all(source: Source) -> list[Frame]:
    return read_some(source, 10_000)


@dataclass
class Web:
    """A camera on the network: MJPEG over HTTP, which can be switched off and come back with another size."""

    size: tuple[int, int] = (64, 48)
    server: ThreadingHTTPServer | None = None
    port: int = 0

    def start(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), self._handler())
        self.port = self.server.server_address[1]
        self.server.daemon_threads = False
        threading.Thread(target=self.server.serve_forever, args=(0.01,), name="web-camera").start()

    def stop(self) -> None:
        server, self.server = self.server, None
        if server is not None:
            server.shutdown()
            server.server_close()  # waits for the handlers, which end when `server` is None

    @property
    def address(self) -> str:
        return f"http://user:secret@127.0.0.1:{self.port}/live.mjpg"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        web = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
                self.end_headers()
                for index in itertools.count():
                    if web.server is None or not self._send(index):
                        return
                    time.sleep(0.005)

            def _send(self, index: int) -> bool:
                jpeg = jpeg_of(index % 5, *web.size)
                head = f"--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
                try:
                    self.wfile.write(head.encode() + jpeg + b"\r\n")
                except OSError:  # the reader has gone
                    return False
                return True

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@pytest.fixture
def web() -> Iterator[Web]:
    camera_on_the_net = Web()
    camera_on_the_net.start()
    yield camera_on_the_net
    camera_on_the_net.stop()


OPENERS: dict[str, Callable[[Path, Web], Source]] = {
    "clip": lambda folder, _: ClipSource(make_clip(folder / "clip.mp4")),
    "clip of varying rate": lambda folder, _: ClipSource(make_clip(folder / "clip.mkv", VARYING)),
    "clip in real time": lambda folder, _: ClipSource(make_clip(folder / "clip.mp4"), realtime=True),
    "camera on the net": lambda _, web: CameraSource(web.address),
    "pictures in memory": lambda *_: JpegSource([jpeg_of(index) for index in range(3)], fps=25),
    "pictures in memory, live": lambda *_: JpegSource([jpeg_of(index) for index in range(3)], fps=25, live=True),
    "fake": lambda *_: FakeSource(picture_of, frames=12, fps=25),
    "fake live": lambda *_: FakeSource(picture_of, frames=12, fps=25, live=True),
    "fake that stalls": lambda *_: FakeSource(picture_of, frames=12, fps=25, stalls=(0, 3, 4)),
}


ENDING = [name for name in OPENERS if not name.startswith(("camera", "pictures", "fake live"))]


@pytest.fixture(params=OPENERS)
def source(request: pytest.FixtureRequest, tmp_path: Path, web: Web) -> Iterator[Source]:
    with OPENERS[request.param](tmp_path, web) as opened:
        yield opened


class TestContract:
    def test_the_first_frame_is_what_info_says(self, source: Source) -> None:
        frame = read_some(source, 1)[0]
        assert frame.picture.shape == (source.info.height, source.info.width, 3)
        assert frame.picture.dtype == np.uint8
        assert frame.picture.flags.c_contiguous
        # A camera's first pictures may be gone before anybody reads.
        assert frame.index <= source.dropped
        assert (frame.index == 0) == (frame.time == 0)
        assert source.info.name
        assert source.info.fps > 0

    def test_index_time_and_capture_go_forward(self, source: Source) -> None:
        frames = read_some(source, 10)
        assert len(frames) == 10
        for one, next_one in itertools.pairwise(frames):
            assert one.index < next_one.index
            assert one.time < next_one.time
            assert one.captured <= next_one.captured <= time.monotonic()

    def test_gaps_are_counted_as_dropped(self, source: Source) -> None:
        frames = read_some(source, 10)
        assert frames[-1].index + 1 - len(frames) <= source.dropped
        assert source.info.live or source.dropped == 0

    def test_a_picture_is_the_readers_to_keep(self, source: Source) -> None:
        first, second = read_some(source, 2)
        before = second.picture.copy()
        first.picture.fill(77)
        assert np.array_equal(second.picture, before)
        third = read_some(source, 1)[0]
        assert not any(np.shares_memory(third.picture, earlier.picture) for earlier in (first, second))
        assert third.picture.std() > 10

    @pytest.mark.parametrize("source", ENDING, indirect=True)
    def test_a_clip_ends_and_stays_ended(self, source: Source) -> None:
        assert len(read_all(source)) >= 12
        for _ in range(2):
            with pytest.raises(SourceEnded):
                source.read()

    def test_closing_twice_does_nothing_and_reading_then_fails(self, source: Source) -> None:
        read_some(source, 1)
        source.close()
        source.close()
        with pytest.raises(SourceError, match="closed"):
            source.read()

    def test_closing_unread_leaves_nothing_behind(self, source: Source) -> None:
        source.close()  # the guard in conftest.py looks for threads


class TestClip:
    @pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov", "a.avi"])
    def test_every_frame_comes_in_order(self, tmp_path: Path, name: str) -> None:
        with ClipSource(make_clip(tmp_path / name)) as source:
            frames = read_all(source)
        assert [frame.index for frame in frames] == list(range(len(EVEN)))
        assert [round(float(frame.picture[-8:].mean())) for frame in frames] == pytest.approx(
            [level(index) for index in range(len(EVEN))], abs=4
        )

    @pytest.mark.parametrize(("name", "precision"), [("a.mp4", 1e-4), ("a.mkv", 1.1e-3)])
    def test_times_are_the_clips_own(self, tmp_path: Path, name: str, precision: float) -> None:
        with ClipSource(make_clip(tmp_path / name, VARYING)) as source:
            assert [frame.time for frame in read_all(source)] == pytest.approx(VARYING, abs=precision)

    def test_a_late_start_counts_from_the_first_frame(self, tmp_path: Path) -> None:
        with ClipSource(make_clip(tmp_path / "a.mkv", [time + 2 for time in EVEN])) as source:
            assert [frame.time for frame in read_all(source)] == pytest.approx(EVEN, abs=1.1e-3)

    def test_a_stream_without_times_goes_at_its_rate(self, tmp_path: Path) -> None:
        with ClipSource(make_clip(tmp_path / "a.h264")) as source:
            times = [frame.time for frame in read_all(source)]
            assert times == pytest.approx([n / source.info.fps for n in range(len(EVEN))])

    def test_info_tells_size_rate_and_length(self, tmp_path: Path) -> None:
        with ClipSource(make_clip(tmp_path / "a.mp4")) as source:
            info = source.info
        assert (info.name, info.width, info.height, info.frames, info.live) == ("a.mp4", 64, 48, 12, False)
        assert info.fps == pytest.approx(25, rel=0.1)
        assert "h264" in info.detail

    @pytest.mark.parametrize(
        ("mirror", "rotate", "corner"),
        [(False, 0, (0, 0)), (True, 0, (0, 1)), (False, 90, (0, 1)), (False, 180, (1, 1)), (False, 270, (1, 0)),
         (True, 90, (0, 0))],
    )  # fmt: skip
    def test_pictures_are_turned_then_mirrored(
        self, tmp_path: Path, mirror: bool, rotate: int, corner: tuple[int, int]
    ) -> None:
        with ClipSource(make_clip(tmp_path / "a.mp4"), mirror, rotate) as source:
            picture = read_some(source, 1)[0].picture
            assert picture.shape[:2] == (source.info.height, source.info.width)
        assert picture.shape[:2] == ((64, 48) if rotate in (90, 270) else (48, 64))
        assert white_corner(picture) == corner

    def test_the_clips_own_rotation_is_honoured(self, tmp_path: Path) -> None:
        path = make_clip(tmp_path / "a.mp4")
        # The track header's matrix (ISO/IEC 14496-12, 8.3.2): a quarter turn, as telephones write it.
        raw = bytearray(path.read_bytes())
        matrix = raw.index(b"tkhd") + 4 + 40
        one, unit = 1 << 16, 1 << 30
        raw[matrix : matrix + 36] = struct.pack(">9i", 0, one, 0, -one, 0, 0, 0, 0, unit)
        path.write_bytes(raw)
        with ClipSource(path) as source:
            assert (source.info.width, source.info.height) == (48, 64)
            assert white_corner(read_some(source, 1)[0].picture) == (0, 1)

    def test_no_more_than_the_limit_is_decoded_ahead(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        decoded = itertools.count()
        reached = threading.Event()

        def counting(_: Orientation, picture: Picture, _pool: PicturePool) -> Picture:
            if next(decoded) == clip.QUEUE_LIMIT:
                reached.set()
            return picture

        monkeypatch.setattr(Orientation, "apply", counting)
        with ClipSource(make_clip(tmp_path / "a.mp4")):
            assert reached.wait(5)
        assert next(decoded) <= clip.QUEUE_LIMIT + 2

    def test_a_failure_while_decoding_reaches_the_reader(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        pictures = itertools.count()

        def failing(_: Orientation, picture: Picture, _pool: PicturePool) -> Picture:
            if next(pictures) == 3:
                raise cv2.error("torn picture")
            return picture

        monkeypatch.setattr(Orientation, "apply", failing)
        with ClipSource(make_clip(tmp_path / "a.mp4")) as source:
            assert len(read_some(source, 3)) == 3
            with pytest.raises(SourceError, match="torn picture") as caught:
                source.read()
        assert not isinstance(caught.value, SourceStalled)

    @pytest.mark.parametrize("mirror", [True, False])
    def test_pictures_that_are_held_stay_as_they_are(self, tmp_path: Path, mirror: bool) -> None:
        path = make_clip(tmp_path / "a.mp4")
        with ClipSource(path, mirror=mirror) as source:
            held = [source.read().picture for _ in EVEN]
        with ClipSource(path, mirror=mirror) as source:
            for picture in held:
                np.testing.assert_array_equal(source.read().picture, picture)

    def test_a_slow_clip_stalls(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(clip, "READ_WAIT", 0.01)
        go_on = threading.Event()
        pictures = itertools.count()

        def slow(_: Orientation, picture: Picture, _pool: PicturePool) -> Picture:
            if next(pictures) == 1:
                go_on.wait(5)
            return picture

        monkeypatch.setattr(Orientation, "apply", slow)
        with ClipSource(make_clip(tmp_path / "a.mp4")) as source:
            source.read()
            with pytest.raises(SourceStalled):
                source.read()
            go_on.set()
            assert len(read_all(source)) == len(EVEN) - 1

    def test_real_time_waits_until_each_frame_is_due(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = FakeTime()
        monkeypatch.setattr(clip, "time", clock)
        times = [0, 0.1, 0.2, 0.25]
        with ClipSource(make_clip(tmp_path / "a.mp4", times), realtime=True) as source:
            start = clock.now
            shown = []
            for _ in times:
                frame = source.read()
                shown.append(clock.now - start)
                assert frame.captured == clock.now
        assert shown == pytest.approx(times, abs=1e-3)

    def test_real_time_stalls_in_a_long_gap_and_does_not_wait_for_a_late_reader(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = FakeTime()
        monkeypatch.setattr(clip, "time", clock)
        with ClipSource(make_clip(tmp_path / "a.mp4", [0, 0.7, 0.8, 0.9]), realtime=True) as source:
            start = source.read().captured
            with pytest.raises(SourceStalled, match=r"due in 0\.2 s"):
                source.read()
            assert source.read().captured - start == pytest.approx(0.7, abs=1e-3)
            clock.now += 5
            assert source.read().captured == source.read().captured == clock.now

    @given(st.lists(st.floats(0, 100), max_size=30))
    def test_the_clock_starts_at_zero_and_always_increases(self, stamps: list[float]) -> None:
        clock = FrameClock(fps=30)
        times = [clock.time(stamp) for stamp in stamps]
        assert times[:1] in ([], [0.0])
        assert all(one < next_one for one, next_one in itertools.pairwise(times))

    @pytest.mark.parametrize(
        "stamps",
        [
            pytest.param([0, 1, 2, 0, 1, 2], id="anew"),
            pytest.param([7, 8, 9, 7, 8, 9], id="late"),
            pytest.param([0, 1, 2, 0, 1, 0, 1], id="thrice"),
            pytest.param([0, 1, 2, -9, -8], id="before the first"),
            # FFmpeg adds MPEG's whole clock to what steps back by more than a minute.
            pytest.param([0, 1, 2, 2**33 / 90000 - 100, 2**33 / 90000 - 99], id="wrapped"),
            pytest.param([0, 1, 2, 0, 0, -0.1], id="partly without"),
            pytest.param([0, 0, 0, -0.1, 0, 0, -0.1], id="mostly without"),
        ],
    )
    def test_times_that_begin_anew_go_on(self, stamps: list[float]) -> None:
        clock = FrameClock(fps=1)
        assert [clock.time(stamp) for stamp in stamps] == pytest.approx(range(len(stamps)))

    @pytest.mark.parametrize(
        ("stamps", "times"),
        [
            ([1, 2, 2, 1.999, 3], [0, 1, 1.001, 1.002, 2]),
            ([1, 2, 1.9, 1.95, 3], [0, 1, 1.001, 1.002, 2]),
            ([1, 2, 3600, 3601], [0, 1, 3599, 3600]),
            ([1, 2, 0, 0, 2.4, 4], [0, 1, 1.5, 2, 2.001, 3]),
        ],
        ids=["rounded", "out of order", "a gap", "a rate that is wrong"],
    )
    def test_other_times_do_not_begin_anew(self, stamps: list[float], times: list[float]) -> None:
        clock = FrameClock(fps=2)
        assert [clock.time(stamp) for stamp in stamps] == pytest.approx(times)
        assert clock.parts == 1

    @pytest.mark.parametrize("name", ["a.ts", "a.mpg", "a.h264", "a.mkv"])
    def test_a_clip_that_was_joined_goes_on(self, tmp_path: Path, name: str) -> None:
        path = make_clip(tmp_path / name)
        path.write_bytes(path.read_bytes() * 2)
        with ClipSource(path) as source:
            times = [frame.time for frame in read_all(source)]
            step = 1 / source.info.fps
        assert len(times) == 2 * len(EVEN)
        assert np.diff(times) == pytest.approx(times[1], abs=2e-3)
        assert times[len(EVEN)] - times[len(EVEN) - 1] == pytest.approx(step)

    def test_that_it_was_joined_is_said_once(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "nbst_live")
        path = make_clip(tmp_path / "a.ts")
        whole = path.read_bytes()
        for parts, said in ((1, 0), (3, 1), (3, 1)):
            path.write_bytes(whole * parts)
            with ClipSource(path) as source:
                read_all(source)
            assert caplog.text.count("is joined of parts") == said

    @pytest.mark.parametrize(
        ("make", "says"),
        [
            (lambda path: path, "there is no clip"),
            (lambda path: (path.mkdir(), path)[1], "not a file"),
            (lambda path: (path.touch(), path)[1], "is empty"),
            (lambda path: (path.write_text("hello, I am a text"), path)[1], "is not a video"),
            (lambda path: make_sound(path.with_suffix(".wav")), "has no video stream"),
            (make_headless, "cannot decode|no frame|not a video"),
        ],
        ids=["missing", "folder", "empty", "text", "sound", "no frame"],
    )
    def test_what_is_no_clip_is_refused_in_one_line(
        self, tmp_path: Path, capfd: pytest.CaptureFixture[str], make: Callable[[Path], Path], says: str
    ) -> None:
        with pytest.raises(SourceError, match=says) as caught:
            ClipSource(make(tmp_path / "clip.mp4"))
        assert str(tmp_path) in str(caught.value)
        assert "\n" not in str(caught.value)
        assert capfd.readouterr().err == ""

    def test_an_odd_rotation_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SettingError, match="45"):
            ClipSource(make_clip(tmp_path / "a.mp4"), rotate=45)


class TestCamera:
    def test_it_comes_back_and_keeps_its_size(self, web: Web) -> None:
        with CameraSource(web.address) as source:
            assert (source.info.width, source.info.height) == (64, 48)
            read_some(source, 3)
            web.stop()
            with pytest.raises(SourceStalled, match="no picture"):
                read_until_stall(source)
            web.size = (32, 24)
            web.start()
            frame = read_some(source, 1)[0]
            assert frame.picture.shape == (48, 64, 3)
            assert white_corner(frame.picture) == (0, 0)

    def test_the_newest_picture_wins(self, web: Web) -> None:
        with CameraSource(web.address) as source:
            first = source.read()
            dropped = source.dropped
            while source.dropped < dropped + 5:
                time.sleep(0.005)
            newer = source.read()
            assert newer.index - first.index > 5
            assert newer.time - first.time == pytest.approx(newer.captured - first.captured)

    def test_pictures_are_turned(self, web: Web) -> None:
        with CameraSource(web.address, mirror=True, rotate=90) as source:
            assert (source.info.width, source.info.height) == (48, 64)
            assert white_corner(source.read().picture) == (0, 0)

    def test_what_it_gives_is_told_without_the_password(self, web: Web) -> None:
        with CameraSource(web.address) as source:
            assert source.info.live
            assert source.info.frames is None
            assert "64x48 at" in source.info.detail
            assert "secret" not in source.info.name

    def test_an_address_that_does_not_answer_is_refused(self, web: Web, capfd: pytest.CaptureFixture[str]) -> None:
        web.stop()
        with pytest.raises(SourceError, match="check the address") as caught:
            CameraSource(web.address)
        assert "secret" not in str(caught.value)
        assert capfd.readouterr().err == ""

    @pytest.mark.parametrize(
        "address",
        [
            "user:s3cr3t@t0p@127.0.0.1:9/live.mjpg", "127.0.0.1:9/live?user=a&pwd=t0p", "127.0.0.1:9/user=a&pwd=t0p",
            "127.0.0.1:9?pwd=abc@t0p", "user:t0p/@127.0.0.1:9/live", "user:t0p?@127.0.0.1:9/live", "127.0.0.1:9#t0p",
        ],
    )  # fmt: skip
    def test_a_password_is_not_told_wherever_in_an_address_it_stands(self, address: str) -> None:
        with pytest.raises(SourceError, match=r"camera http://.*check the address") as caught:
            CameraSource(f"http://{address}")
        assert "t0p" not in str(caught.value)

    def test_of_an_address_the_host_is_told(self) -> None:
        assert devices.told("rtsp://me:secret@192.168.1.5:554/live") == "rtsp://192.168.1.5:554/..."
        assert devices.told("http://[::1]:8080") == "http://[::1]:8080"
        for spec in ("0", "/dev/video0", "Logitech C920 #2 (a@b?)"):
            assert devices.told(spec) == spec

    def test_a_failure_of_its_thread_reaches_the_reader(self, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
        with CameraSource(web.address) as source:
            monkeypatch.setattr(Orientation, "apply", broken)
            with pytest.raises(SourceError, match="broken lens"):
                read_some(source, 10_000)

    def test_a_camera_that_shows_nothing_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(camera, "FIRST_PICTURE_WAIT", 0.05)
        monkeypatch.setattr(camera, "open_capture", lambda *_: cv2.VideoCapture())
        with pytest.raises(SourceError, match="gave no picture"):
            CameraSource("0")

    @pytest.mark.skipif(not devices._LINUX, reason="looks at Linux's device nodes")
    def test_a_missing_camera_is_told_with_those_that_are_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "_named_nodes", lambda: [("/dev/video4", "Webcam")])
        with pytest.raises(SourceError, match=r"no /dev/video63; cameras here: /dev/video4 \(Webcam\)"):
            CameraSource("63")


class TestLocalCamera:
    """A camera of this machine, that misbehaves."""

    @pytest.fixture
    def fake(self, monkeypatch: pytest.MonkeyPatch) -> FakeCamera:
        fake = FakeCamera(picture_of(0), fps=200, patience=0.01)
        monkeypatch.setattr(camera, "open_capture", fake.open)
        monkeypatch.setattr(camera, "REOPEN_EVERY", 0.01)
        monkeypatch.setattr(devices, "is_there", lambda _: fake.way != "gone")
        return fake

    @pytest.mark.parametrize("way", ["gone", "silent", "broken"])
    def test_it_comes_back_whatever_it_did(
        self, fake: FakeCamera, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, way: str
    ) -> None:
        monkeypatch.setattr(camera, "STOPPED_AFTER", 0.05)
        monkeypatch.setattr(camera, "FIRST_PICTURE_WAIT", 0.1)
        with CameraSource("0", (64, 48)) as source:
            read_some(source, 3)
            fake.way = way
            with pytest.raises(SourceStalled):
                read_until_stall(source)
            fake.way = "good"
            read_some(source, 3)
            assert fake.openings > 1
        assert fake.releases == fake.openings
        said = [record.getMessage() for record in caplog.records]
        assert sum("gives no pictures" in line and "the backdrop alone" in line for line in said) == 1
        assert sum("is back after" in line for line in said) == 1

    def test_a_broken_jpeg_is_no_picture(self, fake: FakeCamera) -> None:
        jpeg = np.frombuffer(jpeg_of(0), np.uint8)
        with CameraSource("0", (64, 48)) as source:
            for whole in (jpeg, jpeg[: len(jpeg) // 2], jpeg):
                fake.picture = whole[None]  # as OpenCV hands the bytes out
                if whole is jpeg:
                    assert read_some(source, 2)[1].picture.shape == (48, 64, 3)
                else:
                    with pytest.raises(SourceStalled):
                        read_until_stall(source)
        assert fake.openings == 1

    def test_a_few_broken_pictures_are_left_out_and_nothing_is_opened_anew(self, fake: FakeCamera) -> None:
        with CameraSource("0", (64, 48)) as source:
            for _ in range(3):
                fake.way = "broken"
                time.sleep(0.02)
                fake.way = "good"
                read_some(source, 2)
        assert fake.openings == 1

    def test_one_that_comes_back_with_another_size_is_fitted_without_stretching(self, fake: FakeCamera) -> None:
        with CameraSource("0", (64, 48)) as source:
            fake.way = "gone"
            with pytest.raises(SourceStalled):
                read_until_stall(source)
            fake.picture = np.zeros((90, 160, 3), np.uint8)
            fake.picture[30:60, 65:95] = 255  # a square
            fake.way = "good"
            picture = read_some(source, 1)[0].picture
        assert picture.shape == (48, 64, 3)
        seen = picture[..., 0] > 128
        assert seen.any(axis=0).sum() == pytest.approx(seen.any(axis=1).sum(), abs=1)

    def test_what_was_not_given_as_asked_is_told(self, fake: FakeCamera, caplog: pytest.LogCaptureFixture) -> None:
        fake.fps = 15
        with CameraSource("0", (1280, 720), 30) as source:
            assert (source.info.width, source.info.fps) == (64, 15)
        assert "gives 64x48 at 15, asked for 1280x720 at 30" in caplog.text

    def test_paused_it_lets_go_of_the_camera_and_resumed_it_shows_nothing_old(self, fake: FakeCamera) -> None:
        with CameraSource("0", (64, 48)) as source:
            read_some(source, 3)
            source.pause()
            while fake.releases == 0:
                time.sleep(0.005)
            fake.picture = picture_of(3)
            source.resume()
            frame = read_some(source, 1)[0]
            assert int(frame.picture[-1, -1, 0]) == level(3)
            source.pause()
        assert fake.releases == fake.openings == 2

    def test_what_can_be_held_is_held_again_after_each_opening(
        self, fake: FakeCamera, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("SETTLED_SECONDS", "CHECK_SECONDS"):
            monkeypatch.setattr(hold, name, 0.05)
        auto = cv2.CAP_PROP_AUTO_WB
        fake.controls = {auto: 1.0, cv2.CAP_PROP_WB_TEMPERATURE: 4600.0}
        with CameraSource("0", (64, 48), lock=True) as source:
            for time_ in (1, 2):
                while caplog.text.count("holds white balance, but cannot hold exposure and focus") < time_:
                    read_some(source, 1)
                assert fake.controls[auto] == 0
                fake.way = "gone"
                with pytest.raises(SourceStalled):
                    read_until_stall(source)
                fake.controls[auto] = 1.0
                fake.way = "good"


def broken(_: Orientation, __: Picture, ___: PicturePool) -> Picture:
    raise cv2.error("broken lens")


class TestPicturesInMemory:
    def test_live_ones_come_at_their_rate_and_a_late_reader_gets_the_newest(self) -> None:
        with JpegSource([jpeg_of(index) for index in range(3)], fps=50, live=True) as source:
            first = source.read()
            time.sleep(0.3)
            late = source.read()
            assert late.index >= 2
            assert source.dropped >= late.index - first.index - 1
            frames = [late, *(source.read() for _ in range(10))]
            # Each is taken when it is due, none before.
            for frame in frames:
                assert frame.captured - source.info.began >= frame.index / 50 - 1e-3

    def test_others_wait_for_their_reader(self) -> None:
        with JpegSource([jpeg_of(index) for index in range(3)], fps=50) as source:
            source.read()
            time.sleep(0.3)
            assert [source.read().index for _ in range(5)] == [1, 2, 3, 4, 5]
            assert source.dropped == 0


def white_corner(picture: Picture) -> tuple[int, int]:
    """Which quarter, (row, column), is the brightest."""
    halves = [np.array_split(half, 2, axis=1) for half in np.array_split(picture, 2, axis=0)]
    row, column = np.unravel_index(np.argmax([[quarter.mean() for quarter in half] for half in halves]), (2, 2))
    return int(row), int(column)


class FakeTime:
    """In place of the module `time`: sleeping moves the clock at once."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_clip_whose_name_is_no_unicode_is_refused(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    with pytest.raises(SourceError, match="no name in UTF-8"):
        open_capture(name, cv2.CAP_FFMPEG)
