"""v4l2loopback, Linux's virtual cameras: which there are, in what state one is, and what to do about it."""

import contextlib
import errno
import os
import platform
import re
import struct
import time
from dataclasses import dataclass
from pathlib import Path

from nbst_live.v4l2 import CAPTURE, OUTPUT, capabilities, holders, opened, permit

LABEL = "nbst-live"
"""The device that is taken where none is named."""
SYSFS = Path("/sys/devices/virtual/video4linux")
MODULE = Path("/sys/module/v4l2loopback")
MODULES = Path("/lib/modules")
DEV = Path("/dev")

LOAD = f"sudo modprobe v4l2loopback devices=1 exclusive_caps=1 card_label={LABEL}"
RELOAD = f"sudo modprobe -r v4l2loopback && {LOAD}"
_PACKAGE = "the package v4l2loopback-dkms (Fedora: akmod-v4l2loopback of RPM Fusion)"
_OTHER = "or choose another device with --virtual-camera"

PATIENCE = 1.0
"""Seconds in which a device that nobody writes to gives no second picture."""

_STREAMON, _BUF_TYPE_VIDEO_OUTPUT = 0x40045612, 2


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with the virtual cameras, and what to do: a command stands between backticks."""

    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}; {self.remedy}"


def devices(root: Path | None = None) -> list[tuple[str, str]]:
    """The devices as (path, label), by number; none on other platforms."""
    entries = sorted((root or SYSFS).glob("video*"), key=lambda entry: (len(entry.name), entry.name))
    return [(str(DEV / entry.name), _attribute(entry / "name") or entry.name) for entry in entries]


def is_loopback(path: str) -> bool:
    """Whether that is one of the devices."""
    return any(known == path for known, _ in devices())


def make_ready(path: str) -> Trouble | None:
    """Frees a device whose writer is gone, though programs may read it; the trouble where it cannot be opened."""
    if os.access(path, os.F_OK) and not os.access(path, os.R_OK | os.W_OK):
        return Trouble(f"no permission for {path}", permit(Path(path)))
    state = _state(path)
    if state == CAPTURE and _pictures_come(path):
        return Trouble(f"{path} is busy: another program writes to it, {_named(path)}", f"close that program, {_OTHER}")
    if state in (0, CAPTURE):
        release(path)
    return None


def after_opening(path: str, width: int, height: int) -> Trouble | None:
    """What is wrong with the format of a device that was just opened for I420 pictures of width x height.

    v4l2loopback keeps its format while a program reads from it, or was told to, and does not say so; what is written
    would be garbled.
    """
    running = re.search(r"^(\w+):(\d+)x(\d+)", _attribute(SYSFS / Path(path).name / "format"))
    if running is None or running.groups() == ("YU12", str(width), str(height)):
        return None
    reason = f"{path} runs at {running[2]}x{running[3]} {running[1]}, expected {width}x{height} YU12: "
    if holders(path):
        reason += f"{_named(path)} reads it and keeps the old format"
        return Trouble(reason, f"close that program, then start again, {_OTHER}")
    return Trouble(reason + "it was told to keep its format", f"make it anew with `{RELOAD}`, {_OTHER}")


def hidden_from_browsers(path: str) -> Trouble | None:
    """Trouble when a device says, before anything is written, that it both gives and takes video.

    Browsers do not list such a one. A program that still reads what another one wrote makes any device say so.
    """
    if _state(path) != CAPTURE | OUTPUT or holders(path):
        return None
    reason = f"{path} was made without exclusive_caps: browsers, and what is built on one, do not list it"
    return Trouble(reason, f"close the programs that use it, then make it anew with `{RELOAD}`")


def release(path: str) -> None:
    """Makes v4l2loopback free a device for the next writer.

    With exclusive_caps, 0.12 frees it only when a writer that has started streaming closes it, and pyvirtualcam writes
    without (pyvirtualcam issue 61, v4l2loopback issue 442): without this the camera could be opened only once.
    """
    if not is_loopback(path):
        return
    import fcntl

    with contextlib.suppress(OSError), opened(path) as descriptor:
        fcntl.ioctl(descriptor, _STREAMON, struct.pack("i", _BUF_TYPE_VIDEO_OUTPUT))


def no_device() -> Trouble:
    """Why there is no device at all."""
    if MODULE.exists():
        return Trouble("v4l2loopback is loaded without a device", f"make one with `{RELOAD}`")
    listed = _attribute(MODULES / platform.release() / "modules.dep")
    if "v4l2loopback.ko" in listed:
        return Trouble("the kernel module v4l2loopback is not loaded", f"load it with `{LOAD}`")
    return Trouble(
        "the kernel module v4l2loopback is not installed for this kernel", f"install {_PACKAGE}, then run `{LOAD}`"
    )


def _state(path: str) -> int | None:
    """What the device says it can do now; None where it does not open."""
    try:
        with opened(path) as descriptor:
            return capabilities(descriptor)
    except OSError:
        return None


def _pictures_come(path: str) -> bool:
    """Whether a program writes to the device now: two pictures in PATIENCE seconds, for the last one may be old."""
    until = time.monotonic() + PATIENCE
    seen = 0
    with opened(path) as descriptor:
        while time.monotonic() < until and seen < 2:
            try:
                os.read(descriptor, 1)
                seen += 1
            except BlockingIOError:
                time.sleep(0.02)
            except OSError as error:
                # Versions that let one program read at a time refuse this one: then the device is in use.
                return error.errno == errno.EBUSY
    return seen == 2


def _named(path: str) -> str:
    """The programs that have the device open, for a message."""
    return " and ".join(str(holder) for holder in holders(path)) or "another user's program"


def _attribute(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
