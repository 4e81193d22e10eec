"""What the emulated machine has: a webcam that can be pulled out, a camera fed from here, a virtual camera, readers."""

import fcntl
import os
import platform
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from faults import Missed, check
from faults.program import Program, wait_until
from faults.vm import HEIGHT, OUT, SCENE, WIDTH
from nbst_live.backdrop.privacy import RAW_LEVELS, RAW_SHARE
from nbst_live.closing import Closable
from nbst_live.stages import Picture
from nbst_live.v4l2 import CAPTURE, capabilities, opened

WEBCAM, FED, VIRTUAL = "/dev/video0", "/dev/video10", "/dev/video11"
FPS = 5
PATIENCE = 900.0
"""Seconds to wait for anything here: the machine is slow."""
MIDDLE = np.s_[50:130, 120:200]
"""Well within where the stand-in mask sees a person."""
AWAY = np.ones((HEIGHT, WIDTH), bool)
AWAY[20:160, 90:230] = False
"""Where it sees none, the edge's surroundings left out."""
LIVE_LEVELS = 10.0
"""Mean grey levels by which the live middle may differ from the source, after JPEG and 4:2:0 colour."""
S_FMT, BUF_TYPE_OUTPUT, FORMAT_SIZE = 0xC0D05605, 2, 208
MODULES = Path("/lib/modules") / platform.release()
OPTIONS = (
    "--style",
    "ink",
    "--refresh",
    "0",
    "--steps",
    "2",
    "--threads",
    "2",
    "--provider",
    "cpu",
    "--virtual-camera",
    "nbst-live",
)


def prepare() -> None:
    """Lets modprobe find the modules, as on an installed system, and makes the two devices."""
    os.environ["OPENCV_LOG_LEVEL"] = "ERROR"
    MODULES.mkdir(parents=True, exist_ok=True)
    for module in Path("/mods").glob("*.ko"):
        shutil.copy(module, MODULES)
    subprocess.run(["depmod"], check=True)
    if shutil.which("sudo") is None:  # everything here runs as root anyway
        sudo = Path("/usr/local/bin/sudo")
        sudo.write_text('#!/bin/sh\nexec "$@"\n')
        sudo.chmod(0o755)
    load("video_nr=10,11", "card_label=Fed,nbst-live", "exclusive_caps=0,1")


def load(*options: str) -> None:
    """Loads v4l2loopback anew with these options; none leaves it unloaded."""
    subprocess.run(["modprobe", "-r", "v4l2loopback"], check=True)
    if options:
        subprocess.run(["modprobe", "v4l2loopback", *options], check=True)


def program(*arguments: str) -> Program:
    """nbst-live with the stand-in mask, at the machine's size and rate."""
    size = ("--size", f"{WIDTH}x{HEIGHT}", "--fps", str(FPS), "--mask-model", str(OUT / "stand_in.onnx"))
    return Program(*arguments, *OPTIONS, *size)


def scene() -> Picture:
    """The still picture that the fed camera shows."""
    return np.asarray(cv2.imread(str(OUT / SCENE)), np.uint8)


class Feed(Closable):
    """A webcam that gives JPEG: a v4l2loopback device fed from here. `way` is "good", "broken" or "silent"."""

    def __init__(self, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self.way = "good"
        jpeg = cv2.imencode(".jpg", cv2.resize(scene(), size), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
        self._pictures = {"good": jpeg, "broken": jpeg[: len(jpeg) // 2]}
        self._device = os.open(FED, os.O_WRONLY)
        wanted = bytearray(FORMAT_SIZE)
        struct.pack_into("=IxxxxII4sI", wanted, 0, BUF_TYPE_OUTPUT, *size, b"MJPG", 1)
        fcntl.ioctl(self._device, S_FMT, wanted)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        os.close(self._device)

    def _run(self) -> None:
        while not self._over.wait(1 / FPS):
            if self.way != "silent":
                os.write(self._device, self._pictures[self.way])


class Reader(Closable):
    """Another program that reads the virtual camera; looks at every picture.

    `taken` counts them, `live` and `raw` those that show the live middle and the raw room of `source`; `sizes` are all
    that came, `newest` is the last picture.
    """

    def __init__(self, source: Picture | None = None) -> None:
        self.taken = self.live = self.raw = 0
        self.sizes: set[tuple[int, int]] = set()
        self.newest: Picture | None = None
        self._source = (scene() if source is None else source).astype(np.int16)
        self._over = threading.Event()
        self._camera = cv2.VideoCapture(VIRTUAL, cv2.CAP_V4L2)
        check(self._camera.isOpened(), "the virtual camera to open for a reader")
        self._thread = threading.Thread(target=self._run, name="reader", daemon=True)
        self._thread.start()

    def more(self, what: str, count: int = 3) -> None:
        """Waits until so many more pictures are "taken", "live", or "hidden": taken but not live."""
        before = self._count(what)
        wait_until(lambda: self._count(what) >= before + count, f"{count} more {what} pictures", PATIENCE)

    def _count(self, what: str) -> int:
        return {"taken": self.taken, "live": self.live, "hidden": self.taken - self.live}[what]

    def save(self, name: str) -> None:
        """Keeps the newest picture for people to look at."""
        if self.newest is not None:
            cv2.imwrite(str(OUT / f"{name}.png"), self.newest)

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._camera.release()

    def _run(self) -> None:
        while not self._over.is_set():
            read, picture = self._camera.read()
            if read:
                self._look(np.asarray(picture, np.uint8))

    def _look(self, picture: Picture) -> None:
        self.newest = picture
        self.sizes.add((picture.shape[1], picture.shape[0]))
        difference = np.abs(picture - self._source)
        self.raw += bool((difference[AWAY] <= RAW_LEVELS).all(axis=1).mean() > RAW_SHARE)
        self.live += bool(difference[MIDDLE].mean() < LIVE_LEVELS)
        self.taken += 1


class Session(Closable):
    """The program between a camera and the virtual camera; `arguments` name the camera."""

    def __init__(self, *arguments: str) -> None:
        self.program = program(*arguments)
        try:
            self.program.wait_for("source: ", PATIENCE)
            wait_until(lambda: gives_video(VIRTUAL), "the virtual camera to show something", PATIENCE)
        except Missed:
            self.program.close()
            raise

    def close(self) -> None:
        self.program.process.terminate()
        self.program.wait(120)
        self.program.close()


def gives_video(node: str) -> bool:
    """Whether programs see the node as a camera now."""
    with opened(node) as descriptor:
        return capabilities(descriptor) == CAPTURE


def grab(node: str) -> Picture:
    """A picture of a camera, as the program will get it."""
    with Streaming(node) as streaming:
        return streaming.picture


class Streaming(Closable):
    """This program as one that uses a camera: it streams, until closed."""

    def __init__(self, node: str) -> None:
        self._camera = cv2.VideoCapture(node, cv2.CAP_V4L2)
        self._camera.set(cv2.CAP_PROP_FRAME_WIDTH, WIDTH)
        self._camera.set(cv2.CAP_PROP_FRAME_HEIGHT, HEIGHT)
        self._camera.set(cv2.CAP_PROP_FPS, FPS)
        read, picture = self._camera.read()
        check(read, f"a picture of {node}")
        self.picture = np.asarray(picture, np.uint8)

    def close(self) -> None:
        self._camera.release()


def unplug() -> None:
    """Pulls the webcam out, also while it is open."""
    Path("/sys/bus/platform/drivers/vivid/unbind").write_text("vivid.0")
    wait_until(lambda: not Path(WEBCAM).exists(), "the webcam to go")


def plug_in() -> None:
    """Puts the webcam back."""
    Path("/sys/bus/platform/drivers/vivid/bind").write_text("vivid.0")
    wait_until(Path(WEBCAM).exists, "the webcam to come")


def has_open(program_: Program, node: str) -> bool:
    """Whether the program has that device open."""
    links = Path(f"/proc/{program_.process.pid}/fd").iterdir()
    return any(link.is_symlink() and str(link.readlink()) == node for link in links)


def holds_for(seconds: float, holds: Callable[[], object], expected: str) -> None:
    """Looks for so long whether it stays so. Raises Missed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        check(holds(), f"{expected} for {seconds:g} s")
        time.sleep(0.1)
