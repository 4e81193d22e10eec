"""Faults of the virtual camera whose times count, on this machine: by a stand-in for pyvirtualcam's device."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pyvirtualcam

from faults import Outcome, Place, check, fault
from faults.living import Watch, clock, living
from faults.program import wait_until
from faults.witness import CLIP, FPS, HEIGHT, WIDTH
from nbst_live import endpoints
from nbst_live.capture import rest
from nbst_live.errors import SinkError
from nbst_live.fakes import FakeMasker
from nbst_live.sinks.virtual_camera import VirtualCameraSink
from nbst_live.stages import Alpha, Picture

SECONDS = 6.0
"""How long a rate is watched."""
AWAKE = 0.5
"""Seconds in which a camera that rested must show the live person."""


class Device:
    """A virtual camera for pyvirtualcam, that notes when it gets a picture; `refuses` and `breaks` are what it says."""

    times: list[float]
    refuses = breaks = ""

    def __init__(self, **_: object) -> None:
        if self.refuses:
            raise RuntimeError(self.refuses)

    def send(self, _: npt.NDArray[np.uint8]) -> None:
        if self.breaks:
            raise RuntimeError(self.breaks)
        self.times.append(clock())

    def close(self) -> None:
        """There is nothing to close."""

    def device(self) -> str:
        return "/dev/video99"

    def native_fourcc(self) -> None:
        """As pyvirtualcam knows no other."""


@contextmanager
def device() -> Iterator[type[Device]]:
    """The only virtual camera of this machine."""
    kind = type("OneDevice", (Device,), {"times": []})
    with patch.dict("pyvirtualcam.camera.BACKENDS", clear=True):
        pyvirtualcam.register_backend("one", kind)
        yield kind


@fault("mask-stalls", "the last picture stands still; the virtual camera keeps its rate to the frame", simulated=True)
def mask_stalls(_: Place) -> Outcome:
    watch, alpha = Watch(), CLIP.alpha(0)

    def late(_: Picture) -> Alpha:
        """Every tenth mask takes half a second."""
        time.sleep(0.5 if watch.taken > 40 and watch.taken % 10 == 0 else 0.0)
        return alpha

    with device() as one, living(watch, FakeMasker(late, size=(WIDTH, HEIGHT)), no_virtual_camera=False):
        return _rate(one, watch)


@fault("camera-slow", "every picture several times; the virtual camera keeps its rate to the frame", simulated=True)
def camera_slow(_: Place) -> Outcome:
    watch = Watch()
    with device() as one, living(watch, no_virtual_camera=False) as camera:
        camera.fps = 4
        return _rate(one, watch)


def _rate(one: type[Device], watch: Watch) -> Outcome:
    """Watches the rate for some seconds."""
    time.sleep(1)
    began, before = clock(), len(one.times)
    time.sleep(SECONDS)
    sent, wanted = len(one.times) - before, round((clock() - began) * FPS)
    longest = max(later - earlier for earlier, later in pairwise(one.times[before:]))
    print(f"{sent} pictures in {SECONDS:g} s, longest gap {longest * 1e3:.0f} ms")
    check(abs(sent - wanted) <= 2, f"{wanted} pictures, got {sent}")
    return Outcome(0.0, max(0, wanted - sent), raw_room_frames=watch.raw)


@fault("wakes-for-a-reader", "the person, half a second after a program begins to read", simulated=True)
def wakes(_: Place) -> Outcome:
    watch, reading = Watch(), threading.Event()
    reading.set()
    with (
        patch.object(endpoints, "Readers", lambda _: SimpleNamespace(any=reading.is_set)),
        patch.object(endpoints, "is_loopback", lambda _: True),
        patch.object(endpoints, "watched_by_others", lambda *_: False),
        patch.object(rest, "REST_AFTER", 1.0),
        device(),
        living(watch, no_virtual_camera=False, rest=True) as camera,
    ):
        reading.clear()
        wait_until(lambda: camera.releases == camera.openings, "the camera to be let go")
        watch.wait_hidden(3)
        comes = clock()
        reading.set()
        awake = watch.first_live(comes)
    check(awake <= AWAKE, f"the live person within {AWAKE:g} s, got {awake:.2f}")
    return Outcome(awake, round(awake * FPS), raw_room_frames=watch.raw)


@fault(
    "virtual-camera-breaks", "`virtual camera ... takes no more pictures: ...; the other outputs go on`", simulated=True
)
def breaks(_: Place) -> Outcome:
    watch = Watch()
    with device() as one, living(watch, no_virtual_camera=False):
        one.breaks = "the wire is cut"
        broken, longest = clock(), 0.0
        watch.wait_live(25)
        longest = max(later - earlier for earlier, later in pairwise([broken, *watch.live]) if later > broken)
    return Outcome(longest, raw_room_frames=watch.raw)


@fault("obs-not-installed", "`OBS Virtual Camera ...; install OBS Studio ...`, on Windows and macOS", simulated=True)
def obs_not_installed(_: Place) -> Outcome:
    _refused("win32", "OBS Virtual Camera device not found! Did you install OBS?", "install OBS Studio")
    _refused("darwin", "OBS Virtual Camera is not installed in your system.", "allow its camera extension")
    return Outcome()


@fault("obs-in-use", "`...; press Stop Virtual Camera in OBS, ...`, on Windows and macOS", simulated=True)
def obs_in_use(_: Place) -> Outcome:
    _refused("win32", "virtual camera output could not be started", "press Stop Virtual Camera in OBS")
    _refused("darwin", "Couldn't start stream", "press Stop Virtual Camera in OBS")
    return Outcome()


def _refused(system: str, reason: str, remedy: str) -> None:
    """A virtual camera is refused there for this reason, with this remedy; the reasons are pyvirtualcam's own."""
    with device() as one, patch.object(sys, "platform", system):
        one.refuses = reason
        try:
            VirtualCameraSink(64, 48, FPS).close()
        except SinkError as error:
            print(f"{system}: {error}")
            check(reason in str(error) and remedy in str(error), f"{reason!r} and {remedy!r}, got {str(error)!r}")
        else:
            check(False, f"a refusal on {system}")
