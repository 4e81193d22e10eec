"""Cameras are found, and what is the matter with them is told, by the answers of the system's driver."""

import errno
import os
import re
import struct
from pathlib import Path
from typing import Any

import pytest

from nbst_live import v4l2
from nbst_live.capture import devices
from nbst_live.errors import SourceError


class Driver:
    """In place of `fcntl.ioctl`: answers as a V4L2 driver with two formats."""

    SIZES = ((1280, 720, 30), (640, 480, 60))

    def __init__(self, own: int = 0x04200001, busy: bool = False) -> None:
        self._own, self._busy = own, busy

    def __call__(self, _: int, request: int, data: Any) -> int:
        index, second = struct.unpack_from("2I", data)
        if request == v4l2.QUERYCAP:
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
        assert "busy: another user's program uses it" in devices.why_not("0")
        monkeypatch.setattr(devices, "holders", lambda _: [v4l2.Holder(4711, "firefox")])
        assert "busy: firefox (process 4711) uses it; close that program" in devices.why_not("0")
        monkeypatch.setattr("fcntl.ioctl", Driver(own=0x00800000))
        assert "captures no video" in devices.why_not("0")
        monkeypatch.setattr("fcntl.ioctl", Driver())
        assert "no picture format" in devices.why_not("0")
        monkeypatch.setattr("os.access", lambda *_: False)
        assert "no permission" in devices.why_not("0")
        # Where udev has given the node to a group, the user needs to be in it; else the node needs one first.
        assert "chgrp video" in devices.why_not("0")
        status = os.stat_result((0o020660, 0, 0, 1, 0, 44, 0, 0, 0, 0))
        monkeypatch.setattr(Path, "stat", lambda *_, **__: status)
        assert re.search(r"run `sudo usermod -aG \w+ \$USER`, then log out", v4l2.permit(node))

    @pytest.fixture
    def two(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two cameras, one of them twice in the list: its second node gives no video."""
        for number, name in enumerate(("Integrated Camera", "Integrated Camera", "HD Pro Webcam C920")):
            (tmp_path / "sys" / f"video{number}").mkdir(parents=True)
            (tmp_path / "sys" / f"video{number}" / "name").write_text(name + "\n")
            (tmp_path / f"video{number}").touch()
        monkeypatch.setattr(devices, "_SYSFS", tmp_path / "sys")
        monkeypatch.setattr(devices, "_DEV", tmp_path)
        without = str(tmp_path / "video1")
        monkeypatch.setattr(
            devices, "capabilities", lambda device: str(Path(f"/proc/self/fd/{device}").readlink()) != without
        )

    @pytest.mark.usefixtures("two")
    @pytest.mark.parametrize(
        ("given", "found"),
        [
            ("Integrated Camera", "video0"),
            ("integrated", "video0"),
            ("c920", "video2"),
            ("hd pro webcam C920", "video2"),
        ],
    )
    def test_a_camera_is_found_by_its_name_or_a_part_of_it(self, tmp_path: Path, given: str, found: str) -> None:
        assert devices.find(given) == str(tmp_path / found)

    @pytest.mark.usefixtures("two")
    def test_numbers_paths_and_addresses_are_what_they_are(self) -> None:
        for spec in ("2", "/dev/video7", "rtsp://camera/live"):
            assert devices.find(spec) == spec

    @pytest.mark.usefixtures("two")
    def test_a_name_that_fits_none_or_several_is_refused_with_those_there_are(self) -> None:
        with pytest.raises(SourceError, match=r"neither a file nor a camera; .* \(HD Pro Webcam C920\)"):
            devices.find("Brio")
        with pytest.raises(SourceError, match=r"several cameras; give one of .*video0 \(Integrated Camera\)"):
            devices.find("cam")

    @pytest.mark.usefixtures("two")
    def test_a_camera_that_comes_back_under_another_number_is_found(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(devices, "_node", lambda spec: str(tmp_path / f"video{spec}") if len(spec) == 1 else spec)
        name = devices.label("2")
        assert name == "HD Pro Webcam C920"
        assert devices.find_again("2", name) == "2"
        (tmp_path / "sys" / "video2").rename(tmp_path / "sys" / "video4")
        (tmp_path / "video2").rename(tmp_path / "video4")
        assert devices.find_again("2", name) == str(tmp_path / "video4")
        (tmp_path / "sys" / "video4").rename(tmp_path / "elsewhere")
        assert devices.find_again("2", name) is None
        assert devices.find_again("2", "") == "2"

    def test_requests_hold_the_sizes_of_their_structures(self) -> None:
        sizes = {
            v4l2.QUERYCAP: v4l2.CAPABILITY_SIZE,
            devices._VIDIOC_ENUM_FMT: devices._FORMAT_SIZE,
            devices._VIDIOC_ENUM_FRAMESIZES: devices._FRAME_SIZE_SIZE,
            devices._VIDIOC_ENUM_FRAMEINTERVALS: devices._INTERVAL_SIZE,
            devices._VIDIOC_REQBUFS: struct.calcsize("5I"),
        }
        for request, size in sizes.items():
            assert (request >> 16) & 0x3FFF == size
            assert (request >> 8) & 0xFF == ord("V")
