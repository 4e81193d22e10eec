"""Broken states of the machine: what `nbst-live doctor` advises, followed literally, must work."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from faults import Outcome, check
from faults.machine import MODULES, VIRTUAL, WEBCAM, load, plug_in, unplug
from faults.vm import vm_fault

USER = "visitor"
GOOD = ("video_nr=11", "card_label=nbst-live", "exclusive_caps=1")


def doctor(part: str, user: str = "") -> str:
    """What doctor says of a part of the machine, to that user."""
    command = [sys.executable, "-m", "nbst_live", "doctor", part]
    if user:
        command = ["runuser", "-u", user, "--", "env", f"HOME=/home/{user}", *command]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    print(said.stdout + said.stderr, flush=True)
    check(said.returncode == 0, "doctor to end with 0")
    return said.stdout


def follow(said: str, user: str) -> None:
    """Does what doctor advises: runs its commands, closes the programs that it names."""
    advice = "\n".join(re.findall(r"-> (.*)", said))
    check(advice, "advice")
    if "close" in advice:
        for pid in map(int, re.findall(r"\(process (\d+)\)", said)):
            os.kill(pid, signal.SIGTERM)
        time.sleep(2)
    for command in re.findall(r"`(sudo .*?)`", advice):
        print(f"$ {command}", flush=True)
        subprocess.run(["bash", "-c", command], env=os.environ | {"USER": user or "root"}, check=True)


def advised(part: str, reason: str, user: str = "", by_hand: Callable[[], None] | None = None) -> Outcome:
    """Doctor says what is wrong; its advice is followed, by commands or by hand; then doctor finds nothing wrong."""
    before = doctor(part, user)
    wrong = re.findall(r"^!!.*", before, re.MULTILINE)
    check(any(re.search(reason, line) for line in wrong), f"doctor to find {reason!r}, got {before!r}")
    if by_hand is None:
        follow(before, user)
    else:
        by_hand()
    after = doctor(part, user)
    check("!!" not in after, f"doctor to find nothing wrong any more, got {after!r}")
    return Outcome()


def vm_advice(name: str, shows: str) -> Callable[[Callable[[], Outcome]], Callable[[], Outcome]]:
    """A fault whose user runs doctor, follows it, and is helped."""
    return vm_fault(f"doctor-{name}", f"`nbst-live doctor`: `{shows}`; its advice helps")


@vm_advice("not-loaded", "the kernel module v4l2loopback is not loaded")
def not_loaded() -> Outcome:
    load()
    return advised("virtual-camera", "v4l2loopback is not loaded")


@vm_advice("no-exclusive-caps", "/dev/video11 was made without exclusive_caps: browsers ... do not list it")
def no_exclusive_caps() -> Outcome:
    load("video_nr=11", "card_label=nbst-live")
    return advised("virtual-camera", "made without exclusive_caps")


@vm_advice("no-permission", "no permission for /dev/video11")
def no_permission() -> Outcome:
    load(*GOOD)
    visitor()
    give_to_group(VIRTUAL)
    return advised("virtual-camera", "no permission for /dev/video11", USER)


@vm_advice("camera-no-permission", "no permission for /dev/video0")
def camera_no_permission() -> Outcome:
    visitor()
    subprocess.run(["gpasswd", "-d", USER, "video"], check=False)
    give_to_group(VIRTUAL)
    return advised("cameras", "no permission", USER)


@vm_advice("busy", "/dev/video11 is busy: another program writes to it, NAME (process N)")
def busy() -> Outcome:
    load(*GOOD)
    with Other(WRITES):
        return advised("virtual-camera", r"/dev/video11 is busy: .*\(process \d+\)")


@vm_advice(
    "format-kept-by-a-reader", "/dev/video11 runs at 160x120 ...: NAME (process N) reads it and keeps the old format"
)
def format_kept_by_reader() -> Outcome:
    load(*GOOD)
    with Other(WRITES) as writer, Other(READS):
        writer.end()
        return advised("virtual-camera", r"runs at 160x120 .*\(process \d+\) reads it and keeps the old format")


@vm_advice("format-kept", "/dev/video11 runs at 160x120 ...: it was told to keep its format")
def format_kept() -> Outcome:
    load(*GOOD)
    with Other(KEEPS):
        pass
    return advised("virtual-camera", "runs at 160x120 .* told to keep its format")


@vm_advice("no-camera", "none found")
def no_camera() -> Outcome:
    load(*GOOD)
    unplug()
    try:
        return advised("cameras", "none found", by_hand=plug_in)
    finally:
        if not Path(WEBCAM).exists():
            plug_in()


@vm_advice("camera-busy", "/dev/video0 is busy: NAME (process N) uses it")
def camera_busy() -> Outcome:
    with Other(STREAMS):
        return advised("cameras", r"/dev/video0 is busy: .*\(process \d+\)")


@vm_advice("not-installed", "the kernel module v4l2loopback is not installed for this kernel")
def not_installed() -> Outcome:
    load()
    module, aside = MODULES / "v4l2loopback.ko", Path("/root/v4l2loopback.ko")
    module.rename(aside)
    subprocess.run(["depmod"], check=True)
    said = doctor("virtual-camera")
    check("install the package v4l2loopback-dkms" in said, "the package's name")

    def install() -> None:
        """What the package does, as there is no network here; then what doctor advised."""
        aside.rename(module)
        subprocess.run(["depmod"], check=True)
        follow(said, "")

    return advised("virtual-camera", "not installed for this kernel", by_hand=install)


class Other:
    """Another program: Python code in a process of its own, until the end of the `with`."""

    def __init__(self, code: str) -> None:
        text = code.format(virtual=VIRTUAL, webcam=WEBCAM)
        self._process = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        check(self._process.stdout.readline().strip() == "ready", "the other program to start")

    def end(self) -> None:
        self._process.terminate()
        self._process.wait()

    def __enter__(self) -> "Other":
        return self

    def __exit__(self, *_: object) -> None:
        self.end()


WRITES = """
import time, numpy as np, pyvirtualcam
camera = pyvirtualcam.Camera(160, 120, 10, fmt=pyvirtualcam.PixelFormat.I420, device="{virtual}")
for number in range(10**9):
    camera.send(np.full(160 * 180, 90, np.uint8))
    if number == 3:
        print("ready", flush=True)
    time.sleep(0.1)
"""
READS = """
import cv2, time
camera = cv2.VideoCapture("{virtual}", cv2.CAP_V4L2)
print("ready" if camera.read()[0] else "no", flush=True)
time.sleep(1e6)
"""
STREAMS = """
import cv2, time
camera = cv2.VideoCapture("{webcam}", cv2.CAP_V4L2)
print("ready" if camera.read()[0] else "no", flush=True)
time.sleep(1e6)
"""
# V4L2LOOPBACK's own control keep_format, as `v4l2-ctl -c keep_format=1` sets it.
KEEPS = """
import fcntl, os, struct, time, numpy as np, pyvirtualcam
camera = pyvirtualcam.Camera(160, 120, 10, fmt=pyvirtualcam.PixelFormat.I420, device="{virtual}")
camera.send(np.full(160 * 180, 90, np.uint8))
device = os.open("{virtual}", os.O_RDWR)
fcntl.ioctl(device, 0xC008561C, struct.pack("Ii", 0x0098F900, 1))
print("ready", flush=True)
time.sleep(1e6)
"""


def visitor() -> None:
    """A user who may read this machine's files and nothing more."""
    if subprocess.run(["id", USER], capture_output=True, check=False).returncode:
        subprocess.run(["useradd", "-m", USER], check=True)
    for folder in (Path("/root"), *Path(sys.executable).resolve().parents):
        folder.chmod(folder.stat().st_mode | 0o055)


def give_to_group(node: str) -> None:
    """As udev does on an installed system; this one has none."""
    subprocess.run(["chgrp", "video", node], check=True)
    Path(node).chmod(0o660)
