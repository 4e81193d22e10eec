"""The cameras of this machine: the one place of this room that knows the platforms apart."""

import errno
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from nbst_live.capture.opencv import open_capture

_LINUX = sys.platform.startswith("linux")
_SYSFS = Path("/sys/class/video4linux")
_DEV = Path("/dev")
_PROBED_INDICES = range(10)

# linux/videodev2.h: the numbers of the requests hold the sizes of the structures they fill.
_VIDIOC_QUERYCAP = 0x80685600
_VIDIOC_ENUM_FMT = 0xC0405602
_VIDIOC_REQBUFS = 0xC0145608
_VIDIOC_ENUM_FRAMESIZES = 0xC02C564A
_VIDIOC_ENUM_FRAMEINTERVALS = 0xC034564B
_CAPABILITY_SIZE, _FORMAT_SIZE, _FRAME_SIZE_SIZE, _INTERVAL_SIZE = 104, 64, 44, 52
_VIDEO_CAPTURE = 1
_MEMORY_MMAP = 1
_DISCRETE = 1
_CAP_DEVICE_CAPS = 0x80000000


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera: its name, the spec that opens it, and the modes it offers, such as "MJPG 1280x720 at 30"."""

    name: str
    spec: str
    modes: list[str] = field(default_factory=list)


def is_local(spec: str) -> bool:
    """Whether a camera's spec means a device of this machine: an index or a path below /dev."""
    return spec.isdecimal() or spec.startswith("/dev/")


def opencv_target(spec: str) -> tuple[str | int, int]:
    """What OpenCV opens for a local camera: target and backend."""
    if _LINUX:
        return _node(spec), cv2.CAP_V4L2
    # MSMF takes many seconds to open a camera on Windows; DirectShow opens it at once.
    backend = cv2.CAP_DSHOW if sys.platform == "win32" else cv2.CAP_AVFOUNDATION
    return int(spec) if spec.isdecimal() else spec, backend


def list_cameras() -> list[CameraDevice]:
    """The cameras that can be opened now, and on Linux also those that this user may not open."""
    if _LINUX:
        return _list_v4l2(_SYSFS, _DEV)
    return list(_probe())


def why_not(spec: str) -> str:
    """Why a camera that did not open did not, and what to do, in one line."""
    if not is_local(spec):
        return "nothing answers there, or it is no video; check the address, and that a player can play it"
    if not _LINUX:
        return (
            "it is not there, another program uses it, or this program may not use cameras; close other programs, and"
            " allow the terminal to use the camera in the system's privacy settings"
        )
    node = Path(_node(spec))
    if not node.exists():
        known = ", ".join(f"{camera.spec} ({camera.name})" for camera in list_cameras())
        return f"there is no {node}; " + (f"cameras here: {known}" if known else "no camera is plugged in")
    if not os.access(node, os.R_OK | os.W_OK):
        group = _group(node)
        return f"no permission for {node}; run `sudo usermod -aG {group} $USER`, then log out and in again"
    return _state(node)


def _node(spec: str) -> str:
    return f"/dev/video{spec}" if spec.isdecimal() else spec


def _group(node: Path) -> str:
    import grp

    try:
        return grp.getgrgid(node.stat().st_gid).gr_name
    except KeyError:
        return "video"


def _label(entry: Path) -> str:
    try:
        return (entry / "name").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return entry.name


def _probe() -> Iterator[CameraDevice]:
    for index in _PROBED_INDICES:
        capture = open_capture(*opencv_target(str(index)))
        if capture is not None:
            width, height = (round(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            capture.release()
            yield CameraDevice(f"camera {index}", str(index), [f"{width}x{height}"])


def _list_v4l2(sysfs: Path, dev: Path) -> list[CameraDevice]:
    cameras = []
    for entry in sorted(sysfs.glob("video*"), key=lambda entry: (len(entry.name), entry.name)):
        spec = str(dev / entry.name)
        try:
            device = os.open(spec, os.O_RDWR | os.O_NONBLOCK)
        except PermissionError:
            cameras.append(CameraDevice(_label(entry), spec, ["no permission to open it"]))
            continue
        except OSError:
            continue
        try:
            if _captures(device):
                cameras.append(CameraDevice(_label(entry), spec, _modes(device)))
        finally:
            os.close(device)
    return cameras


def _state(node: Path) -> str:
    """What is the matter with a V4L2 node that may be opened."""
    import fcntl

    try:
        device = os.open(node, os.O_RDWR | os.O_NONBLOCK)
    except OSError as error:
        return f"{node} does not open ({error.strerror}); close other programs that use it, or plug it in again"
    try:
        if not _captures(device):
            return f"{node} is no camera: it captures no video; choose another device"
        fcntl.ioctl(device, _VIDIOC_REQBUFS, bytearray(struct.pack("5I", 1, _VIDEO_CAPTURE, _MEMORY_MMAP, 0, 0)))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return f"{node} is busy: another program uses it; close that program"
    finally:
        os.close(device)
    return f"{node} offers no picture format that OpenCV takes; plug it in again, or choose another device"


def _captures(device: int) -> bool:
    import fcntl

    answer = bytearray(_CAPABILITY_SIZE)
    try:
        fcntl.ioctl(device, _VIDIOC_QUERYCAP, answer)
    except OSError:
        return False
    # The driver's capabilities cover all of its nodes, metadata nodes too; the node's own follow them.
    whole, own = struct.unpack_from("2I", answer, 84)
    return bool((own if whole & _CAP_DEVICE_CAPS else whole) & _VIDEO_CAPTURE)


def _modes(device: int) -> list[str]:
    modes = []
    for fmt in _enumerate(device, _VIDIOC_ENUM_FMT, _FORMAT_SIZE, (_VIDEO_CAPTURE,)):
        (code,) = struct.unpack_from("I", fmt, 44)
        name = struct.pack("I", code).decode("ascii", errors="replace").strip()
        for width, height in _sizes(device, code):
            rate = _top_rate(device, code, width, height)
            modes.append(f"{name} {width}x{height}" + (f" at {rate:g}" if rate else ""))
    return modes


def _sizes(device: int, code: int) -> Iterator[tuple[int, int]]:
    for answer in _enumerate(device, _VIDIOC_ENUM_FRAMESIZES, _FRAME_SIZE_SIZE, (code,)):
        kind, *numbers = struct.unpack_from("7I", answer, 8)
        if kind == _DISCRETE:
            yield numbers[0], numbers[1]
        else:  # a range: min, max and step of the width, then of the height
            yield numbers[1], numbers[4]
            return


def _top_rate(device: int, code: int, width: int, height: int) -> float:
    rates = [0.0]
    for answer in _enumerate(device, _VIDIOC_ENUM_FRAMEINTERVALS, _INTERVAL_SIZE, (code, width, height)):
        kind, numerator, denominator = struct.unpack_from("3I", answer, 16)
        rates.append(denominator / numerator if numerator else 0.0)
        if kind != _DISCRETE:  # a range: the shortest interval comes first
            break
    return round(max(rates), 2)


def _enumerate(device: int, request: int, size: int, key: tuple[int, ...]) -> Iterator[bytes]:
    """What the device answers to an enumerating request for index 0, 1, ... with the key's fields after the index."""
    import fcntl

    for index in range(256):
        answer = bytearray(size)
        struct.pack_into(f"{1 + len(key)}I", answer, 0, index, *key)
        try:
            fcntl.ioctl(device, request, answer)
        except OSError:
            return
        yield bytes(answer)
