"""Holds a camera's exposure, white balance and focus (`--lock`), so that plate and mask do not drift with them."""

import sys
from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.stages import Picture

SETTLED_SECONDS, SETTLED_LEVELS = 1.5, 1.5
"""A picture is settled when its mean colour has stayed within so many grey levels for so long."""
GIVE_UP = 15.0
"""Seconds after which the camera is taken as it is: somebody may be walking about."""
CHANGED_LEVELS = 12.0
"""Grey levels by which the mean colour may change on holding; more means that the camera jumped to another value."""
CHECK_SECONDS = 0.5
"""How long after holding the picture is judged."""


Mean = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Control:
    """One automatic of a camera in OpenCV's properties; `off` is the value that ends it, `value` what is then fixed."""

    name: str
    automatic: int
    off: float
    value: int


# V4L2_CID_EXPOSURE_AUTO: 1 is manual (linux/v4l2-controls.h); OpenCV's other backends take 0.
CONTROLS = (
    Control(
        "exposure", cv2.CAP_PROP_AUTO_EXPOSURE, 1 if sys.platform.startswith("linux") else 0, cv2.CAP_PROP_EXPOSURE
    ),
    Control("white balance", cv2.CAP_PROP_AUTO_WB, 0, cv2.CAP_PROP_WB_TEMPERATURE),
    Control("focus", cv2.CAP_PROP_AUTOFOCUS, 0, cv2.CAP_PROP_FOCUS),
)


class Hold:
    """Watches one opened camera settle, then holds what it can; for the thread that reads the camera.

    `result` is empty until then, and afterwards one line for people: what is held and what is not.
    """

    def __init__(self, capture: cv2.VideoCapture, now: float) -> None:
        self.result = ""
        self._capture, self._began = capture, now
        self._means: deque[tuple[float, Mean]] = deque()
        self._held: list[tuple[Control, float]] = []
        self._before: Mean | None = None
        self._held_at = 0.0

    @property
    def done(self) -> bool:
        """Whether there is nothing more to do."""
        return bool(self.result)

    def see(self, picture: Picture, now: float) -> None:
        """Takes each picture of the camera, until done."""
        mean = picture[::8, ::8].reshape(-1, 3).mean(axis=0, dtype=np.float32)
        if self._before is not None:
            if now - self._held_at >= CHECK_SECONDS:
                self._judge(mean)
        elif self._settled(mean, now):
            self._before, self._held_at = mean, now
            self._held = [(control, was) for control in CONTROLS if (was := self._hold(control)) is not None]

    def _settled(self, mean: Mean, now: float) -> bool:
        self._means.append((now, mean))
        while now - self._means[0][0] > SETTLED_SECONDS:
            self._means.popleft()
        if now - self._began >= GIVE_UP:
            return True
        means = np.stack([mean for _, mean in self._means])
        long_enough = now - self._began >= SETTLED_SECONDS
        return long_enough and bool((means.max(axis=0) - means.min(axis=0) <= SETTLED_LEVELS).all())

    def _hold(self, control: Control) -> float | None:
        """Ends one automatic and fixes its present value; the automatic's own value before, None where it cannot be."""
        capture = self._capture
        was, value = capture.get(control.automatic), capture.get(control.value)
        if not capture.set(control.automatic, control.off) or capture.get(control.automatic) != control.off:
            return None
        capture.set(control.value, value)
        return was

    def _judge(self, mean: Mean) -> None:
        """Says what is held; gives the automatics back when the camera has jumped to other values."""
        assert self._before is not None
        names = [control.name for control, _ in self._held]
        if names and float(np.abs(mean - self._before).max()) > CHANGED_LEVELS:
            for control, was in self._held:
                self._capture.set(control.automatic, was)
            self.result = f"{_listed(names)} cannot be held: the camera does not tell its present values"
            return
        lacking = [control.name for control in CONTROLS if control.name not in names]
        said = [f"holds {_listed(names)}"] * bool(names) + [f"cannot hold {_listed(lacking)}"] * bool(lacking)
        self.result = f"the camera {', but '.join(said)}"


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
