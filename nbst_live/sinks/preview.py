"""A window that shows the pictures."""

import os
import socket
import sys

import cv2

from nbst_live.closing import Closable
from nbst_live.errors import SinkError
from nbst_live.stages import Picture

_ANSWER_WAIT = 1.0
FIRST_SIZE = 1280, 720
"""Width and height within which a window opens, for it must fit the screen, whose size OpenCV does not tell; most
laptops' are a little larger. The user may resize it.
"""
_QUIT = "q"
KEY_BITS = 0xFFFF
"""Of a key's code; above them GTK says which modifiers are down, NumLock among them. What is not ASCII there is a key
without a character: the arrow to the left is 0xFF51, and its last byte alone would be Q.
"""


class PreviewSink(Closable):
    """A window titled `title`. Must be made, used and closed on the program's main thread.

    Raises SinkError where no window can be shown.
    """

    def __init__(self, title: str) -> None:
        self.name = "preview"
        self._title = title
        self._key: str | None = None
        self._open = self._sized = False
        _check_display()
        if sys.platform == "linux":
            # Sessions name other platforms, such as wayland, for their own Qt; the wheel's, which brings xcb alone,
            # would end the whole process.
            os.environ["QT_QPA_PLATFORM"] = "xcb"
        # Qt complains on stderr of fonts that the wheel does not bring and a window without text does not need.
        os.environ.setdefault("QT_LOGGING_RULES", "default.warning=false")
        try:
            # Not Qt's other kind, whose toolbar would take of the picture's height.
            cv2.namedWindow(title, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO | cv2.WINDOW_GUI_NORMAL)
        except cv2.error as error:
            raise SinkError(
                f"no window can be shown: {error.err or error}; this OpenCV may be built without windows: install"
                " opencv-python in place of opencv-python-headless, or go without --preview"
            ) from error
        self._open = True

    def send(self, picture: Picture, time: float) -> None:  # noqa: ARG002 - a window shows what comes when it comes
        """See `Sink.send`."""
        if not self._open:
            return
        try:
            if not self._sized:
                cv2.resizeWindow(self._title, *_first_size(picture.shape[1], picture.shape[0]))
                self._sized = True
            cv2.imshow(self._title, picture)
            code = cv2.waitKeyEx(1)
        except cv2.error as error:
            raise SinkError(f"the preview window failed: {error.err or error}; start again") from error
        if code >= 0 and (key := code & KEY_BITS) < 0x80:
            self._key = chr(key)
        if not self._shown():
            # imshow would open it again.
            self._open, self._key = False, _QUIT

    def key(self) -> str | None:
        """The last key pressed in the window since the last call; "q" once the window was closed."""
        key, self._key = self._key, None
        return key

    def _shown(self) -> bool:
        try:
            return cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) >= 1
        except cv2.error:  # no window is left at all
            return False

    def close(self) -> None:
        if self._open:
            self._open = False
            cv2.destroyWindow(self._title)
            cv2.waitKey(1)  # the window goes only when events are handled


def _first_size(width: int, height: int) -> tuple[int, int]:
    """The picture's own size, or as much smaller as FIRST_SIZE asks."""
    scale = min(1.0, FIRST_SIZE[0] / width, FIRST_SIZE[1] / height)
    return round(width * scale), round(height * scale)


def _check_display() -> None:
    """Raises SinkError on Linux without a display: there Qt, which OpenCV uses, would end the whole process."""
    if sys.platform != "linux":
        return
    display = os.environ.get("DISPLAY", "")
    if not display:
        raise SinkError(
            "no display to show a preview on (DISPLAY is not set); run in a desktop session, with `ssh -X`, or on"
            " Wayland with Xwayland, or go without --preview"
        )
    if not _answers(display):
        raise SinkError(f"display {display} does not answer; check DISPLAY, or go without --preview")


def _answers(display: str) -> bool:
    """Whether an X server listens at a display such as ":0", "localhost:10.0" or "unix:1"."""
    host, _, number = display.rpartition(":")
    screen = number.split(".")[0]
    if not screen.isdecimal():
        return False
    if host not in ("", "unix"):
        return _connects(socket.AF_INET, (host, 6000 + int(screen)))
    path = f"/tmp/.X11-unix/X{screen}"
    return _connects(socket.AF_UNIX, path) or _connects(socket.AF_UNIX, f"\0{path}")


def _connects(family: socket.AddressFamily, address: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as channel:
        channel.settimeout(_ANSWER_WAIT)
        try:
            channel.connect(address)
        except OSError:
            return False
    return True
