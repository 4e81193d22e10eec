"""Every sink keeps the contract of stages.Sink; then what each one does with the pictures."""

import os
import platform
import shutil
import subprocess
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from media import HEIGHT, WIDTH, environment, grey, levels

from nbst_live.controls import command_of
from nbst_live.errors import SinkError
from nbst_live.fakes import FakeSink
from nbst_live.report import output_figures
from nbst_live.sinks import loopback, preview
from nbst_live.sinks.i420 import planes_for, to_i420
from nbst_live.sinks.null import NullSink
from nbst_live.sinks.preview import PreviewSink
from nbst_live.sinks.recorder import Recorder
from nbst_live.sinks.virtual_camera import VirtualCameraSink
from nbst_live.stages import Sink


class Backend:
    """A virtual camera for pyvirtualcam that keeps what it is sent."""

    sent: ClassVar[list[bytes]] = []
    opened: ClassVar[list[dict[str, Any]]] = []
    closings = 0
    refuses = ""
    breaks = False

    def __init__(self, **options: Any) -> None:
        if self.refuses:
            raise RuntimeError(self.refuses)
        self.opened.append(options)

    def send(self, frame: npt.NDArray[np.uint8]) -> None:
        if self.breaks:
            raise RuntimeError("the wire is cut")
        self.sent.append(frame.tobytes())

    def close(self) -> None:
        type(self).closings += 1

    def device(self) -> str:
        return self.opened[-1]["device"] or "/dev/video99"

    def native_fourcc(self) -> None:
        return None


@pytest.fixture(autouse=True)
def backend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[Backend]:
    """The only virtual camera of this machine, for the length of a test."""
    import pyvirtualcam

    class Fresh(Backend):
        sent: ClassVar[list[bytes]] = []
        opened: ClassVar[list[dict[str, Any]]] = []

    monkeypatch.setattr("pyvirtualcam.camera.BACKENDS", {})
    pyvirtualcam.register_backend("test", Fresh)
    monkeypatch.setattr(loopback, "SYSFS", tmp_path / "video4linux")
    monkeypatch.setattr(loopback, "DEV", tmp_path)
    return Fresh


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> types.SimpleNamespace:
    """In place of OpenCV's windows: `keys` to be pressed, `shown` pictures, `sizes` asked for, `visible`."""
    state = types.SimpleNamespace(keys=[], shown=[], sizes=[], visible=1.0)
    monkeypatch.setattr(preview, "_check_display", lambda: None)
    monkeypatch.setattr("cv2.namedWindow", lambda *_: None)
    monkeypatch.setattr("cv2.resizeWindow", lambda _, *size: state.sizes.append(size))
    monkeypatch.setattr("cv2.imshow", lambda _, picture: state.shown.append(picture.copy()))
    monkeypatch.setattr("cv2.waitKeyEx", lambda _: state.keys.pop(0) if state.keys else -1)
    monkeypatch.setattr("cv2.waitKey", lambda _: code & 0xFF if (code := cv2.waitKeyEx(1)) >= 0 else -1)
    monkeypatch.setattr("cv2.getWindowProperty", lambda *_: state.visible)
    monkeypatch.setattr("cv2.destroyWindow", lambda _: state.shown.append(None))
    return state


OPENERS: dict[str, Callable[[Path], Sink]] = {
    "null": lambda _: NullSink(keep=True),
    "fake": lambda _: FakeSink(),
    "virtual camera": lambda _: VirtualCameraSink(WIDTH, HEIGHT, 30),
    "preview": lambda _: PreviewSink("test"),
    "recorder .mp4": lambda folder: Recorder(folder / "a.mp4", WIDTH, HEIGHT, 30, live=False),
    "recorder .mov live": lambda folder: Recorder(folder / "a.mov", WIDTH, HEIGHT, 30, live=True),
    "recorder .mkv": lambda folder: Recorder(folder / "a.mkv", WIDTH, HEIGHT, 30, live=False),
}


@pytest.mark.usefixtures("screen")
class TestContract:
    @pytest.fixture(params=OPENERS)
    def sink(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sink]:
        with OPENERS[request.param](tmp_path) as opened:
            yield opened

    def test_it_has_a_name(self, sink: Sink) -> None:
        assert sink.name

    def test_it_takes_pictures_and_changes_none(self, sink: Sink) -> None:
        picture = grey(120)
        picture.flags.writeable = False
        for index in range(5):
            sink.send(picture, index / 30)
        assert (picture == 120).all()

    def test_a_buffer_may_be_reused_after_the_call(
        self, sink: Sink, tmp_path: Path, backend: type[Backend], screen: types.SimpleNamespace
    ) -> None:
        picture = grey(0)
        for index in range(5):
            picture[:] = 40 * index
            sink.send(picture, index / 30)
        picture[:] = 255
        sink.close()
        got = {
            NullSink: lambda: [int(sink.last[0, 0, 0])],  # type: ignore[attr-defined]
            FakeSink: lambda: [int(shown[0, 0, 0]) for shown in sink.pictures],  # type: ignore[attr-defined]
            # A picture may be shown again, or be too late to be shown at all, but for the last.
            VirtualCameraSink: lambda: [round((backend.sent[-1][0] - 16) * 255 / 219)],
            PreviewSink: lambda: [int(shown[0, 0, 0]) for shown in screen.shown if shown is not None],
            Recorder: lambda: [level for path in tmp_path.glob("a.*") for _, level in levels(path)],
        }[type(sink)]()
        assert got == pytest.approx([0, 40, 80, 120, 160][-len(got) :], abs=3)

    def test_closing_twice_does_nothing(self, sink: Sink) -> None:
        sink.send(grey(9), 0)
        sink.close()
        sink.close()

    def test_closing_unused_leaves_nothing_behind(self, sink: Sink) -> None:
        sink.close()  # the guard in conftest.py looks for threads


class TestFakeSink:
    def test_it_fails_when_asked(self) -> None:
        sink = FakeSink(fails_at=2)
        sink.send(grey(1), 0)
        sink.send(grey(2), 0.1)
        with pytest.raises(SinkError):
            sink.send(grey(3), 0.2)
        assert sink.times == [0, 0.1]


class TestI420:
    # BT.601 in the range 16..235 (Rec. ITU-R BT.601-7, 2.5.3): colour as BGR, then Y, U, V.
    COLOURS: ClassVar = {
        (0, 0, 0): (16, 128, 128),
        (255, 255, 255): (235, 128, 128),
        (0, 0, 255): (82, 90, 240),
        (255, 0, 0): (41, 240, 110),
        (0, 255, 0): (145, 54, 34),
    }

    @pytest.mark.parametrize(("bgr", "yuv"), COLOURS.items())
    def test_a_colour_becomes_its_planes(self, bgr: tuple[int, ...], yuv: tuple[int, int, int]) -> None:
        out = planes_for(6, 4)
        to_i420(np.full((4, 6, 3), bgr, np.uint8), out)
        assert out.tobytes() == bytes([yuv[0]] * 24 + [yuv[1]] * 6 + [yuv[2]] * 6)

    @pytest.mark.parametrize(("width", "height"), [(7, 4), (6, 5), (7, 5)])
    def test_an_odd_picture_loses_its_last_row_or_column(
        self, width: int, height: int, rng: np.random.Generator
    ) -> None:
        picture = rng.integers(0, 256, (height, width, 3), np.uint8)
        odd, even = planes_for(width, height), planes_for(6, 4)
        to_i420(picture, odd)
        to_i420(np.ascontiguousarray(picture[:4, :6]), even)
        assert np.array_equal(odd, even)

    def test_a_picture_of_another_size_is_refused(self) -> None:
        with pytest.raises(ValueError, match="8x4"):
            to_i420(np.zeros((4, 8, 3), np.uint8), planes_for(6, 4))


class TestVirtualCamera:
    def test_exact_bytes_are_sent(self, backend: type[Backend]) -> None:
        # Two by two blocks of white, red, blue and black.
        picture = np.zeros((4, 4, 3), np.uint8)
        picture[:2, :2], picture[:2, 2:], picture[2:, :2] = 255, (0, 0, 255), (255, 0, 0)
        with VirtualCameraSink(4, 4, 25) as sink:
            sink.send(picture, 0)
        luma = [235, 235, 82, 82] * 2 + [41, 41, 16, 16] * 2
        assert backend.sent[0] == backend.sent[-1]
        assert backend.sent[-1] == bytes([*luma, *(128, 90, 240, 128), *(128, 240, 110, 128)])
        assert backend.closings == 1

    def test_the_last_picture_is_shown_again_while_none_comes(self, backend: type[Backend]) -> None:
        with VirtualCameraSink(4, 4, 500) as sink:
            sink.send(grey(255, 4, 4), 0)
            before = sink.repeated
            while sink.repeated < before + 5:
                time.sleep(0.002)
        assert [planes[0] for planes in backend.sent[-5:]] == [235] * 5

    def test_the_report_says_how_often_it_did(self, backend: type[Backend], tmp_path: Path) -> None:
        ended = {"name": "recording b.mp4", "dropped": 2}
        with VirtualCameraSink(4, 4, 500) as sink, Recorder(tmp_path / "a.mp4", 64, 48, 30, live=True) as recorder:
            assert output_figures([FakeSink()]) == {"virtual_cameras": [], "recordings": []}
            sink.send(grey(255, 4, 4), 0)
            while not sink.repeated:
                time.sleep(0.002)
            sink.close()
            figures = output_figures([recorder, FakeSink(), sink], [ended])
        assert figures == {
            "virtual_cameras": [{"name": "virtual camera /dev/video99", "repeated": len(backend.sent) - 1}],
            "recordings": [ended, {"name": f"recording {tmp_path / 'a.mp4'}", "dropped": 0}],
        }

    def test_the_size_is_even(self, backend: type[Backend]) -> None:
        with VirtualCameraSink(7, 5, 25) as sink:
            sink.send(np.zeros((5, 7, 3), np.uint8), 0)
        assert (backend.opened[0]["width"], backend.opened[0]["height"]) == (6, 4)
        assert {len(planes) for planes in backend.sent} == {36}

    @pytest.mark.parametrize(("width", "height"), [(32, 18), (160, 120), (96, 160), (33, 19)])
    def test_a_picture_of_another_size_covers_the_camera(self, backend: type[Backend], width: int, height: int) -> None:
        picture = grey(0, width, height)
        picture[height // 4 : -(height // 4), width // 4 : -(width // 4)] = 255
        with VirtualCameraSink(64, 36, 25) as sink:
            sink.send(picture, 0)
        luma = np.frombuffer(backend.sent[-1], np.uint8)[: 64 * 36].reshape(36, 64)
        assert (luma[18, 32], luma[18, 0], luma[18, 63]) == (235, 16, 16)

    @pytest.fixture
    def loopbacks(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setattr(sys, "platform", "linux")
        for number, label in ((2, "OBS"), (10, "nbst-live"), (11, "Meeting room")):
            (tmp_path / "video4linux" / f"video{number}").mkdir(parents=True)
            (tmp_path / "video4linux" / f"video{number}" / "name").write_text(label + "\n")
            (tmp_path / f"video{number}").touch()
        return tmp_path / "video4linux"

    @pytest.mark.parametrize(("device", "opened"), [(None, "video10"), ("Meeting room", "video11")])
    @pytest.mark.usefixtures("loopbacks")
    def test_a_device_is_found_by_label(
        self, backend: type[Backend], tmp_path: Path, device: str | None, opened: str
    ) -> None:
        with VirtualCameraSink(4, 4, 25, device) as sink:
            assert str(tmp_path / opened) in sink.name
        assert backend.opened[0]["device"] == str(tmp_path / opened)

    @pytest.mark.usefixtures("loopbacks")
    def test_a_path_is_taken_as_it_is(self, backend: type[Backend], tmp_path: Path) -> None:
        for path in (str(tmp_path / "video2"), "/dev/video63"):
            with VirtualCameraSink(4, 4, 25, path):
                assert backend.opened[-1]["device"] == path

    def test_without_a_labelled_device_the_first_free_one_is_taken(
        self, backend: type[Backend], loopbacks: Path, tmp_path: Path
    ) -> None:
        (loopbacks / "video10" / "name").write_text("Another\n")
        with VirtualCameraSink(4, 4, 25):
            assert backend.opened[0]["device"] == str(tmp_path / "video2")

    def test_where_none_is_known_pyvirtualcam_chooses(self, backend: type[Backend]) -> None:
        with VirtualCameraSink(4, 4, 25):
            assert backend.opened[0]["device"] is None

    @pytest.mark.usefixtures("loopbacks")
    def test_an_unknown_label_is_refused_with_those_known(self) -> None:
        with pytest.raises(SinkError, match=r"labelled 'Cam'; choose one of .*/video2 \(OBS\), "):
            VirtualCameraSink(4, 4, 25, "Cam")

    @pytest.mark.parametrize(
        ("system", "reason", "remedy"),
        [
            ("win32", "OBS Virtual Camera device not found! Did you install OBS?", "install OBS"),
            ("win32", "virtual camera output could not be started", "press Stop Virtual Camera in OBS"),
            ("darwin", "OBS Virtual Camera is not installed in your system.", "allow its camera extension"),
            ("darwin", "Couldn't start stream", "press Stop Virtual Camera in OBS"),
            ("freebsd", "", "this platform has no virtual camera"),
        ],
    )
    def test_a_refusal_says_why_and_what_to_do(
        self, backend: type[Backend], monkeypatch: pytest.MonkeyPatch, system: str, reason: str, remedy: str
    ) -> None:
        monkeypatch.setattr(sys, "platform", system)
        backend.refuses = reason or "no backend"
        with pytest.raises(SinkError, match=remedy) as caught:
            VirtualCameraSink(4, 4, 25)
        assert reason in str(caught.value)
        assert "\n" not in str(caught.value)

    @pytest.mark.usefixtures("loopbacks")
    def test_a_device_that_refuses_is_told(self, backend: type[Backend]) -> None:
        backend.refuses = "could not be configured: Device or resource busy"
        with pytest.raises(SinkError, match="Device or resource busy; close the program"):
            VirtualCameraSink(4, 4, 25)

    @pytest.mark.parametrize("device", [None, "Cam"])
    @pytest.mark.parametrize(
        ("loaded", "installed", "says"),
        [
            (False, True, r"is not loaded; load it with `sudo modprobe v4l2loopback devices=1 exclusive_caps=1"),
            (False, False, r"not installed for this kernel; install the package v4l2loopback-dkms .*, then run `sudo"),
            (True, True, r"loaded without a device; make one with `sudo modprobe -r v4l2loopback && sudo modprobe"),
        ],
    )
    def test_without_any_device_it_is_told_why(
        self, backend: type[Backend], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, device: str | None,
        loaded: bool, installed: bool, says: str,
    ) -> None:  # fmt: skip
        backend.refuses = "No v4l2 loopback device found"
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(loopback, "MODULE", tmp_path if loaded else tmp_path / "nothing")
        monkeypatch.setattr(loopback, "MODULES", tmp_path)
        (tmp_path / platform.release()).mkdir()
        listed = "updates/dkms/v4l2loopback.ko.xz: kernel/videodev.ko" if installed else "kernel/videodev.ko:"
        (tmp_path / platform.release() / "modules.dep").write_text(listed)
        with pytest.raises(SinkError, match=says):
            VirtualCameraSink(4, 4, 25, device)

    def test_a_missing_library_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
        with pytest.raises(SinkError, match="pip install pyvirtualcam"):
            VirtualCameraSink(4, 4, 25)

    def test_a_device_that_keeps_another_format_is_refused(self, backend: type[Backend], loopbacks: Path) -> None:
        for kept in ("YU12:640x480@30/1", "YUYV:1280x720@30/1"):
            (loopbacks / "video10" / "format").write_text(kept + "\n")
            with pytest.raises(SinkError, match=f"runs at .* {kept[:4]}, expected 1280x720 YU12: .* keep its format"):
                VirtualCameraSink(1280, 720, 30)
        assert backend.closings == 2
        (loopbacks / "video10" / "format").write_text("YU12:1280x720@30/1\n")
        VirtualCameraSink(1280, 720, 30).close()

    def test_a_broken_device_ends_it(self, backend: type[Backend]) -> None:
        with VirtualCameraSink(4, 4, 500) as sink:
            backend.breaks = True
            sink.send(np.zeros((4, 4, 3), np.uint8), 0)
            while sink._writer._worker.error is None:
                time.sleep(0.001)
            with pytest.raises(SinkError, match="the wire is cut"):
                sink.send(np.zeros((4, 4, 3), np.uint8), 0)


class TestPreview:
    def test_keys_are_given_once(self, screen: types.SimpleNamespace) -> None:
        screen.keys = [-1, ord("n"), ord(" ") | 0x100000]  # GTK sets higher bits
        with PreviewSink("test") as sink:
            keys = []
            for index in range(4):
                sink.send(grey(index), 0)
                keys.append(sink.key())
        assert keys == [None, "n", " ", None]

    @pytest.mark.parametrize("code", [0xFF51, 0xFF52, 0xFFE1, 0x10FF51, 0xF702, 0x250000])
    def test_keys_without_a_character_are_no_letters(self, screen: types.SimpleNamespace, code: int) -> None:
        screen.keys = [code]  # Left, Up and Shift by X, Left with NumLock, Left on macOS, Left on Windows
        with PreviewSink("test") as sink:
            sink.send(grey(1), 0)
            assert command_of(sink.key() or "") is None

    @pytest.mark.parametrize(
        ("size", "first"),
        [((640, 360), (640, 360)), ((1920, 1080), (1280, 720)), ((1080, 1920), (405, 720)), ((1600, 1200), (960, 720))],
    )
    def test_it_opens_no_larger_than_a_laptops_screen_and_then_is_the_users(
        self, screen: types.SimpleNamespace, size: tuple[int, int], first: tuple[int, int]
    ) -> None:
        with PreviewSink("test") as sink:
            for _ in range(2):
                sink.send(grey(1, *size), 0)
        assert screen.sizes == [first]
        assert all(shown is None or shown.shape == (size[1], size[0], 3) for shown in screen.shown)

    def test_a_closed_window_means_quit_and_stays_closed(self, screen: types.SimpleNamespace) -> None:
        with PreviewSink("test") as sink:
            sink.send(grey(1), 0)
            screen.visible = 0.0
            sink.send(grey(2), 0)
            assert sink.key() == "q"
            sink.send(grey(3), 0)
        assert len(screen.shown) == 2

    @pytest.mark.skipif(sys.platform != "linux", reason="only on Linux a window needs a display server")
    @pytest.mark.parametrize("platform", ["", "xcb", "wayland;xcb", "offscreen"])
    @pytest.mark.parametrize(("display", "says"), [("", "DISPLAY is not set"), (":4711", "does not answer")])
    def test_without_a_display_it_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, display: str, says: str, platform: str
    ) -> None:
        monkeypatch.setenv("QT_QPA_PLATFORM", platform)
        monkeypatch.setenv("DISPLAY", display)
        monkeypatch.setattr("cv2.namedWindow", lambda *_: pytest.fail("Qt would have ended the process"))
        with pytest.raises(SinkError, match=says):
            PreviewSink("test")

    @pytest.mark.usefixtures("screen")
    @pytest.mark.skipif(sys.platform != "linux", reason="only on Linux Qt has more than one platform")
    def test_the_platform_is_the_one_that_opencvs_qt_brings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("QT_QPA_PLATFORM", "wayland")
        asked = []
        monkeypatch.setattr("cv2.namedWindow", lambda *_: asked.append(os.environ["QT_QPA_PLATFORM"]))
        with PreviewSink("test"):
            assert asked == ["xcb"]

    @pytest.mark.skipif(shutil.which("Xvfb") is None, reason="needs Xvfb, a display without a screen")
    def test_a_real_window_shows_the_picture(self, tmp_path: Path) -> None:
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "640x480x24", "-fbdir", str(tmp_path)]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert server.stdout is not None
            display = f":{server.stdout.readline().strip()}"
            env = environment(DISPLAY=display, FBDIR=str(tmp_path))
            show = subprocess.run(
                [sys.executable, "-c", SHOW], env=env, capture_output=True, text=True, timeout=30, check=False
            )
            assert (show.returncode, show.stderr) == (0, "")
        finally:
            server.terminate()
            server.wait(10)
            if server.stdout is not None:
                server.stdout.close()
        assert int(show.stdout) >= 200 * 100


# Prints how many pixels of the screen, as the server holds it in its file, have the picture's colour.
SHOW = """
import os, pathlib, struct, sys
import numpy as np
from nbst_live.sinks.preview import PreviewSink
with PreviewSink("test") as sink:
    for _ in range(30):
        sink.send(np.full((100, 200, 3), (10, 120, 230), np.uint8), 0)
    [file] = pathlib.Path(os.environ["FBDIR"]).glob("Xvfb_screen0")
    raw = file.read_bytes()
    header, colours = struct.unpack(">I", raw[:4])[0], struct.unpack(">I", raw[76:80])[0]
    pixels = np.frombuffer(raw, np.uint8, 640 * 480 * 4, header + 12 * colours).reshape(-1, 4)
    print((pixels[:, :3] == (10, 120, 230)).all(1).sum())
"""
