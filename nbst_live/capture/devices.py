"""The cameras of this machine: the one place of this room that knows the platforms apart."""

import contextlib
import errno
import os
import re
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from nbst_live.capture.opencv import open_capture
from nbst_live.errors import SourceError
from nbst_live.v4l2 import CAPTURE, capabilities, holders, opened, permit

_LINUX = sys.platform.startswith("linux")
_SYSFS = Path("/sys/class/video4linux")
_DEV = Path("/dev")
_VIRTUAL = Path("/sys/devices/virtual/video4linux")
_PROBED_INDICES = range(10)

# linux/videodev2.h: the numbers of the requests hold the sizes of the structures they fill.
_VIDIOC_ENUM_FMT = 0xC0405602
_VIDIOC_REQBUFS = 0xC0145608
_VIDIOC_ENUM_FRAMESIZES = 0xC02C564A
_VIDIOC_ENUM_FRAMEINTERVALS = 0xC034564B
_FORMAT_SIZE, _FRAME_SIZE_SIZE, _INTERVAL_SIZE = 64, 44, 52
_BUF_TYPE_CAPTURE = 1
_MEMORY_MMAP = 1
_DISCRETE = 1


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


def gives_bytes(pixel_format: str) -> bool:
    """Whether OpenCV can hand out this format of a local camera as it comes: a JPEG on Linux."""
    return _LINUX and pixel_format == "MJPG"


def list_cameras() -> list[CameraDevice]:
    """The cameras that can be opened now, and on Linux also those that this user may not open."""
    if _LINUX:
        return _list_v4l2(_SYSFS, _DEV)
    return list(_probe())


def find(spec: str) -> str:
    """The spec that opens the camera: itself, or the path of the one so named. Raises SourceError for no camera."""
    if is_local(spec) or "://" in spec:
        return spec
    wanted, known = spec.casefold(), _named_nodes()
    found = [path for path, name in known if name.casefold() == wanted]
    found = found or [path for path, name in known if wanted in name.casefold()]
    if len(found) == 1 or len({name for path, name in known if path in found}) == 1:
        return found[0]
    listed = ", ".join(f"{path} ({name})" for path, name in known) or "none"
    if found:
        raise SourceError(f"--input {spec!r} is the name of several cameras; give one of {listed}")
    raise SourceError(
        f"--input {spec!r} is neither a file nor a camera; give a clip, or a camera's number, path, URL or, on Linux, "
        f"name (cameras here: {listed})"
    )


def told(spec: str) -> str:
    """A spec as it may be shown: of an address scheme and host alone, for the rest may hold a password."""
    address = re.fullmatch(r"(?P<scheme>[^/?#]*://)(?P<host>[^/?#]*)(?P<rest>.*)", spec, re.DOTALL)
    if address is None:
        return spec
    scheme, host, rest = address["scheme"], address["host"], address["rest"]
    if "@" in rest:  # what stands before it may be a password that should have been escaped
        return f"{scheme}..."
    return scheme + host.rpartition("@")[2] + ("/..." if rest else "")


def find_again(spec: str, name: str) -> str | None:
    """The spec of a camera that went away: it may come back under another number. None while it is not there.

    `name` is what `label` said of it; with "" only the spec counts.
    """
    if not name or label(spec) == name:
        return spec
    return next((path for path, known in _named_nodes() if known == name), None)


def label(spec: str) -> str:
    """The name of a local camera; "" where the system does not tell it."""
    if not (_LINUX and is_local(spec)):
        return ""
    entry = _SYSFS / Path(_node(spec)).resolve().name
    return _label(entry) if entry.exists() else ""


def is_there(spec: str) -> bool:
    """Whether a local camera is still plugged in, as far as the system tells without opening it."""
    return not _LINUX or Path(_node(spec)).exists()


def why_no_picture(spec: str) -> str:
    """Why a camera that opens gives no picture, and what to do, in one line."""
    if not (_LINUX and is_local(spec)):
        return (
            "another program may use it, or, where it is a virtual camera, nothing feeds it; close that program or "
            "start the feed"
        )
    node = Path(_node(spec)).resolve()
    if users := holders(node):
        return f"{' and '.join(map(str, users))} uses it or feeds it; close that program, or start its feed"
    if (_VIRTUAL / node.name).exists():
        return "it is a virtual camera that nothing feeds; start its feed, or choose another with --input"
    return (
        "what comes is broken or nothing; plug it in again, into another port and without a hub, or ask for less with "
        "--size and --fps"
    )


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
        known = ", ".join(f"{path} ({name})" for path, name in _named_nodes())
        return f"there is no {node}; " + (f"cameras here: {known}" if known else "no camera is plugged in")
    return in_the_way(spec) or (
        f"{node} offers no picture format that OpenCV takes; plug it in again, or choose another device"
    )


def why_gone(spec: str) -> str:
    """Why a camera that was in use gives no pictures any more, and what is done, in one line."""
    if not _LINUX or not is_local(spec) or not is_there(spec):
        return why_not(spec)
    return in_the_way(spec) or f"{_node(spec)} is there, but what comes is broken or nothing; it is being opened anew"


def in_the_way(spec: str) -> str:
    """Why a local camera that is there cannot be used now, and what to do, in one line; "" when nothing is known."""
    if not _LINUX:
        return ""
    node = Path(_node(spec))
    if not os.access(node, os.R_OK | os.W_OK):
        return f"no permission for {node}; {permit(node)}"
    return _state(node)


def _node(spec: str) -> str:
    return f"/dev/video{spec}" if spec.isdecimal() else spec


def _named_nodes() -> list[tuple[str, str]]:
    """Path and name of the cameras that this user may open; none on other platforms."""
    found = []
    for entry in sorted(_SYSFS.glob("video*"), key=_number) if _LINUX else ():
        with contextlib.suppress(OSError), opened(_DEV / entry.name) as device:
            if capabilities(device) & CAPTURE:
                found.append((str(_DEV / entry.name), _label(entry)))
    return found


def _number(entry: Path) -> tuple[int, str]:
    """Sorts video2 before video10."""
    return len(entry.name), entry.name


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
    for entry in sorted(sysfs.glob("video*"), key=_number):
        spec = str(dev / entry.name)
        try:
            with opened(spec) as device:
                if capabilities(device) & CAPTURE:
                    cameras.append(CameraDevice(_label(entry), spec, _modes(device)))
        except PermissionError:
            cameras.append(CameraDevice(_label(entry), spec, ["no permission to open it"]))
        except OSError:
            continue
    return cameras


def _state(node: Path) -> str:
    """What is the matter with a V4L2 node that this user has permission for."""
    import fcntl

    try:
        with opened(node) as device:
            if not capabilities(device) & CAPTURE:
                return f"{node} is no camera: it captures no video; choose another device"
            fcntl.ioctl(device, _VIDIOC_REQBUFS, bytearray(struct.pack("5I", 1, _BUF_TYPE_CAPTURE, _MEMORY_MMAP, 0, 0)))
    except OSError as error:
        if error.errno == errno.EBUSY:
            return f"{node} is busy: {_users(node)} uses it; close that program"
        return f"{node} does not open ({error.strerror}); close other programs that use it, or plug it in again"
    return ""


def _users(node: Path) -> str:
    return " and ".join(str(holder) for holder in holders(node.resolve())) or "another user's program"


def _modes(device: int) -> list[str]:
    modes = []
    for fmt in _enumerate(device, _VIDIOC_ENUM_FMT, _FORMAT_SIZE, (_BUF_TYPE_CAPTURE,)):
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
