"""The virtual camera: other programs see the pictures as a webcam's."""

import contextlib
import os
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbst_live.closing import Closable
from nbst_live.errors import SinkError
from nbst_live.sinks.i420 import planes_for, to_i420
from nbst_live.stages import Picture

LABEL = "nbst-live"
"""The v4l2loopback device that is taken where none is named."""

SYSFS = Path("/sys/devices/virtual/video4linux")

# linux/videodev2.h; the numbers of the requests hold the sizes of the structures they fill.
_VIDIOC_QUERYCAP, _CAPABILITY_SIZE, _DEVICE_CAPS_OFFSET = 0x80685600, 104, 88
_VIDIOC_STREAMON, _BUF_TYPE_VIDEO_OUTPUT = 0x40045612, 2
_VIDEO_CAPTURE, _VIDEO_OUTPUT = 1, 2

_MODPROBE = f"sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label={LABEL}"
_REMEDIES = {
    "linux": f"make one with `{_MODPROBE}` (package v4l2loopback-dkms)",
    "win32": "install OBS Studio (obsproject.com) and start its virtual camera once",
    "darwin": "install OBS Studio (obsproject.com) and start its virtual camera once",
}


class VirtualCameraSink(Closable):
    """A virtual camera of `width` x `height` pixels at about `fps`; an odd size is cut to the next even one.

    `device` is a v4l2loopback device's path or label, elsewhere a camera's name as pyvirtualcam knows it. None takes
    the device labelled "nbst-live" and, where there is none, the first free one. Pictures are sent at once: the
    caller paces. Raises SinkError, with what to do, when there is no such device or it cannot be used.
    """

    def __init__(self, width: int, height: int, fps: float, device: str | None = None) -> None:
        self._planes = planes_for(width, height)
        rows, even_width = self._planes.shape
        self._camera: Any = _open(even_width, rows // 3 * 2, fps, _choose(device))
        self.name = f"virtual camera {self._camera.device}"
        try:
            _check_size(self._camera.device, even_width, rows // 3 * 2)
        except SinkError:
            self.close()
            raise

    def send(self, picture: Picture, time: float) -> None:  # noqa: ARG002 - a camera shows what comes when it comes
        if self._camera is None:
            raise SinkError(f"{self.name} is closed")
        try:
            to_i420(picture, self._planes)
            self._camera.send(self._planes)
        except (RuntimeError, ValueError, OSError) as error:
            raise SinkError(f"{self.name} takes no more pictures: {error}; start again") from error

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            device = camera.device
            camera.close()
            _release(device)


def virtual_cameras(root: Path = SYSFS) -> list[tuple[str, str]]:
    """The v4l2loopback devices as (path, label); none on other platforms, where virtual cameras have fixed names."""
    entries = sorted(root.glob("video*"), key=lambda entry: (len(entry.name), entry.name))
    return [(f"/dev/{entry.name}", _attribute(entry / "name") or entry.name) for entry in entries]


def _choose(device: str | None) -> str | None:
    """The name to give to pyvirtualcam."""
    if sys.platform != "linux" or (device is not None and device.startswith("/")):
        return device
    known = virtual_cameras(SYSFS)
    for path, label in known:
        if label == (device or LABEL):
            return path
    if device is None:
        return None
    listed = ", ".join(f"{path} ({label})" for path, label in known) or "none"
    raise SinkError(f"there is no virtual camera labelled {device!r}; found {listed}; {_remedy('')}")


def _open(width: int, height: int, fps: float, device: str | None) -> Any:
    if device is not None and _left_behind(device):
        _release(device)
    try:
        import pyvirtualcam
    except ImportError as error:
        raise SinkError(f"pyvirtualcam cannot be loaded ({error}); run `pip install pyvirtualcam`") from error
    try:
        return pyvirtualcam.Camera(width, height, fps, fmt=pyvirtualcam.PixelFormat.I420, device=device)
    except RuntimeError as error:
        reasons = "; ".join(str(error).splitlines()) or "this platform has no backend"
        raise SinkError(f"cannot open virtual camera {device or '(any)'}: {reasons}; {_remedy(reasons)}") from error


def _remedy(reasons: str) -> str:
    if "permission" in reasons:
        return "run `sudo usermod -aG video $USER`, then log out and in again"
    if "in use" in reasons or "busy" in reasons.lower():
        return "close the program that uses it, or choose another with --virtual-camera"
    return _REMEDIES.get(sys.platform, "this platform has no virtual camera: use --preview or --record") + (
        ", or go without with --no-virtual-camera"
    )


def _check_size(device: str, width: int, height: int) -> None:
    """Raises SinkError when the device runs at another size.

    v4l2loopback keeps its format while a program reads from it and does not say so; what is written would be garbled.
    """
    running = re.search(r"(\d+)x(\d+)", _attribute(SYSFS / Path(device).name / "format"))
    if running is not None and (size := (int(running[1]), int(running[2]))) != (width, height):
        raise SinkError(
            f"virtual camera {device} runs at {size[0]}x{size[1]}, expected {width}x{height}: a program that reads it"
            " keeps the old size; close that program, then start again"
        )


def _left_behind(device: str) -> bool:
    """Whether a v4l2loopback device still belongs to a program that is gone: it can neither give nor take video."""
    if not _is_loopback(device):
        return False
    import fcntl

    answer = bytearray(_CAPABILITY_SIZE)
    try:
        with _opened(device) as descriptor:
            fcntl.ioctl(descriptor, _VIDIOC_QUERYCAP, answer)
    except OSError:
        return False
    (capabilities,) = struct.unpack_from("=I", answer, _DEVICE_CAPS_OFFSET)
    return not capabilities & (_VIDEO_CAPTURE | _VIDEO_OUTPUT)


def _release(device: str) -> None:
    """Makes v4l2loopback free a device for the next writer.

    With exclusive_caps, 0.12 frees it only when a writer that has started streaming closes it, and pyvirtualcam writes
    without (pyvirtualcam issue 61, v4l2loopback issue 442): without this the camera could be opened only once.
    """
    if not _is_loopback(device):
        return
    import fcntl

    with contextlib.suppress(OSError), _opened(device) as descriptor:
        fcntl.ioctl(descriptor, _VIDIOC_STREAMON, struct.pack("i", _BUF_TYPE_VIDEO_OUTPUT))


@contextlib.contextmanager
def _opened(device: str) -> Iterator[int]:
    descriptor = os.open(device, os.O_RDWR)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _is_loopback(device: str) -> bool:
    return sys.platform == "linux" and any(path == device for path, _ in virtual_cameras(SYSFS))


def _attribute(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
