"""Cameras are found, and what is the matter with them is told, by the answers of the system's driver."""

import errno
import struct
from pathlib import Path
from typing import Any

import pytest

from nbst_live.capture import devices


class Driver:
    """In place of `fcntl.ioctl`: answers as a V4L2 driver with two formats."""

    SIZES = ((1280, 720, 30), (640, 480, 60))

    def __init__(self, own: int = 0x04200001, busy: bool = False) -> None:
        self._own, self._busy = own, busy

    def __call__(self, _: int, request: int, data: Any) -> int:
        index, second = struct.unpack_from("2I", data)
        if request == devices._VIDIOC_QUERYCAP:
            struct.pack_into("2I", data, 84, 0x80000000 | 0x04A00001, self._own)
        elif request == devices._VIDIOC_REQBUFS:
            if self._busy:
                raise OSError(errno.EBUSY, "Device or resource busy")
        elif request == devices._VIDIOC_ENUM_FMT and index < 2:
            data[44:48] = (b"MJPG", b"YUYV")[index]
        elif request == devices._VIDIOC_ENUM_FRAMESIZES:
            self._answer_size(index, second.to_bytes(4, "little"), data)
        elif request == devices._VIDIOC_ENUM_FRAMEINTERVALS and index < 2:
            self._answer_interval(index, second.to_bytes(4, "little"), data)
        else:
            raise OSError(errno.EINVAL, "Invalid argument")
        return 0

    def _answer_size(self, index: int, code: bytes, data: Any) -> None:
        if code == b"MJPG" and index < len(self.SIZES):
            struct.pack_into("3I", data, 8, 1, *self.SIZES[index][:2])
        elif code == b"YUYV" and index == 0:
            struct.pack_into("7I", data, 8, 3, 320, 1920, 2, 240, 1080, 2)
        else:
            raise OSError(errno.EINVAL, "Invalid argument")

    def _answer_interval(self, index: int, code: bytes, data: Any) -> None:
        if code != b"MJPG":
            raise OSError(errno.EINVAL, "Invalid argument")
        rates = {size[:2]: size[2] for size in self.SIZES}
        rate = rates[struct.unpack_from("2I", data, 8)]
        struct.pack_into("3I", data, 16, 1, 1, rate if index == 0 else rate // 2)


@pytest.mark.skipif(not devices._LINUX, reason="speaks Linux's V4L2")
class TestV4L2:
    @pytest.fixture
    def node(self, tmp_path: Path) -> Path:
        (tmp_path / "sys" / "video0").mkdir(parents=True)
        (tmp_path / "sys" / "video0" / "name").write_text("Webcam: Integrated\n")
        node = tmp_path / "video0"
        node.touch()
        return node

    def test_a_camera_is_listed_with_its_modes(self, node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("fcntl.ioctl", Driver())
        [found] = devices._list_v4l2(node.parent / "sys", node.parent)
        assert (found.name, found.spec) == ("Webcam: Integrated", str(node))
        assert found.modes == ["MJPG 1280x720 at 30", "MJPG 640x480 at 60", "YUYV 1920x1080"]

    def test_a_metadata_node_is_left_out(self, node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # Such a node's driver captures, the node itself does not: UVC's second node.
        monkeypatch.setattr("fcntl.ioctl", Driver(own=0x00800000))
        assert devices._list_v4l2(node.parent / "sys", node.parent) == []

    def test_why_a_camera_does_not_open_is_told(self, node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(devices, "_node", lambda _: str(node))
        monkeypatch.setattr("fcntl.ioctl", Driver(busy=True))
        assert "busy: another program uses it" in devices.why_not("0")
        monkeypatch.setattr("fcntl.ioctl", Driver(own=0x00800000))
        assert "captures no video" in devices.why_not("0")
        monkeypatch.setattr("fcntl.ioctl", Driver())
        assert "no picture format" in devices.why_not("0")
        monkeypatch.setattr("os.access", lambda *_: False)
        assert "no permission" in devices.why_not("0")
        assert "usermod -aG" in devices.why_not("0")

    def test_requests_hold_the_sizes_of_their_structures(self) -> None:
        sizes = {
            devices._VIDIOC_QUERYCAP: devices._CAPABILITY_SIZE,
            devices._VIDIOC_ENUM_FMT: devices._FORMAT_SIZE,
            devices._VIDIOC_ENUM_FRAMESIZES: devices._FRAME_SIZE_SIZE,
            devices._VIDIOC_ENUM_FRAMEINTERVALS: devices._INTERVAL_SIZE,
            devices._VIDIOC_REQBUFS: struct.calcsize("5I"),
        }
        for request, size in sizes.items():
            assert (request >> 16) & 0x3FFF == size
            assert (request >> 8) & 0xFF == ord("V")
