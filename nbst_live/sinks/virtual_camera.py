"""The virtual camera: other programs see the pictures as a webcam's."""

import sys
from typing import Any

import cv2
import numpy as np

from nbst_live.closing import Closable
from nbst_live.errors import SinkError
from nbst_live.sinks import loopback
from nbst_live.sinks.i420 import planes_for, to_i420
from nbst_live.sinks.steady import SteadyWriter
from nbst_live.stages import Picture

_WITHOUT = ", or go without with --no-virtual-camera"
_OBS_IN_USE = "press Stop Virtual Camera in OBS, close other programs that feed its camera, then start again"
_OBS = {
    "win32": (
        "install OBS Studio (obsproject.com), in it press Start Virtual Camera once and then Stop Virtual Camera,"
        " then start again"
    ),
    "darwin": (
        "install OBS Studio 30 or later (obsproject.com), in it press Start Virtual Camera once, allow its camera"
        " extension in the System Settings, press Stop Virtual Camera, then start again (perhaps after a restart of"
        " the Mac)"
    ),
}


class VirtualCameraSink(Closable):
    """A virtual camera of `width` x `height` pixels at exactly `fps`; an odd size is cut to the next even one.

    `device` is a v4l2loopback device's path or label, elsewhere a camera's name as pyvirtualcam knows it. None takes
    the device labelled "nbst-live" and, where there is none, the first free one. From the first picture on the camera
    shows the last one again whenever none comes in time. A picture of another size is scaled to cover
    the camera's and cut at its centre. Raises SinkError, with what to do, when there is no such device or it cannot be
    used. `hidden` says why browsers will not list it, where that is so.
    """

    def __init__(self, width: int, height: int, fps: float, device: str | None = None) -> None:
        rows, self._width = planes_for(width, height).shape
        self._height = rows // 3 * 2
        self._scaled = np.empty((self._height, self._width, 3), np.uint8)
        self._camera: Any = _open(self._width, self._height, fps, _choose(device))
        self.device: str = self._camera.device
        self.name = f"virtual camera {self.device}"
        self.hidden = loopback.hidden_from_browsers(self.device) if loopback.is_loopback(self.device) else None
        self._writer = SteadyWriter(lambda: planes_for(width, height), self._camera.send, fps)

    @property
    def repeated(self) -> int:
        """How often a picture was shown again because none came in time."""
        return self._writer.repeated

    def send(self, picture: Picture, time: float) -> None:  # noqa: ARG002 - a camera shows what comes when it comes
        if self._camera is None:
            raise SinkError(f"{self.name} is closed")
        try:
            self._writer.put(lambda planes: to_i420(self._fitted(picture), planes))
        except (RuntimeError, ValueError, OSError) as error:
            raise SinkError(f"{self.name} takes no more pictures: {error}; start again") from error

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            self._writer.close()
            camera.close()
            loopback.release(self.device)

    def _fitted(self, picture: Picture) -> Picture:
        """The picture at the camera's size; the very same where it has that."""
        height, width = picture.shape[:2]
        if (height // 2, width // 2) == (self._height // 2, self._width // 2):
            return picture
        scale = min(width / self._width, height / self._height)
        across, down = round(self._width * scale), round(self._height * scale)
        x, y = (width - across) // 2, (height - down) // 2
        cut = picture[y : y + down, x : x + across]
        return cv2.resize(cut, (self._width, self._height), dst=self._scaled, interpolation=cv2.INTER_LINEAR)


def _choose(device: str | None) -> str | None:
    """The name to give to pyvirtualcam. Raises SinkError for a v4l2loopback device that cannot be used."""
    if sys.platform != "linux":
        return device
    known = loopback.devices()
    named = [path for path, label in known if (device or loopback.LABEL) in (path, label)]
    if device is None:
        named = named or [path for path, _ in known]
    elif not named and not device.startswith("/"):
        if not known:
            raise SinkError(f"there is no virtual camera: {loopback.no_device()}{_WITHOUT}")
        listed = ", ".join(f"{path} ({label})" for path, label in known)
        raise SinkError(f"there is no virtual camera labelled {device!r}; choose one of {listed}")
    troubles = []
    for path in named:
        trouble = loopback.make_ready(path)
        if trouble is None:
            return path
        troubles.append(trouble)
    if troubles:
        raise SinkError(f"cannot open the virtual camera: {troubles[0]}")
    return device


def _open(width: int, height: int, fps: float, device: str | None) -> Any:
    """A camera of pyvirtualcam that runs at that size. Raises SinkError."""
    try:
        import pyvirtualcam
    except ImportError as error:
        raise SinkError(f"pyvirtualcam cannot be loaded ({error}); run `pip install pyvirtualcam`") from error
    try:
        camera = pyvirtualcam.Camera(width, height, fps, fmt=pyvirtualcam.PixelFormat.I420, device=device)
    except RuntimeError as error:
        if sys.platform == "linux" and not loopback.devices():
            raise SinkError(f"there is no virtual camera: {loopback.no_device()}{_WITHOUT}") from error
        reasons = "; ".join(str(error).splitlines()) or "this platform has no backend"
        raise SinkError(f"cannot open virtual camera {device or '(any)'}: {reasons}; {_remedy(reasons)}") from error
    path: str = camera.device
    trouble = loopback.after_opening(path, width, height)
    if trouble is not None:
        camera.close()
        loopback.release(path)
        raise SinkError(f"cannot use the virtual camera: {trouble}")
    return camera


def _remedy(reasons: str) -> str:
    """What to do about an error of pyvirtualcam."""
    system: str = sys.platform
    if system == "linux":
        return "close the program that uses it, or choose another with --virtual-camera"
    if system not in _OBS:
        return "this platform has no virtual camera: use --preview or --record" + _WITHOUT
    fed = any(words in reasons for words in ("could not be started", "Couldn't start stream", "Stream not found"))
    return (_OBS_IN_USE if fed else _OBS[system]) + _WITHOUT
