"""The privacy promise, measured on what really went out: how many frames show the raw room.

A raw-room frame is one in which more than RAW_SHARE of the pixels whose true alpha is 0 are within RAW_LEVELS grey
levels of the source (docs/architecture.md, "The promise"). Which frame of the clip a picture came from is told by the
person in it, who is live.
"""

import contextlib
from itertools import pairwise
from pathlib import Path

import av
import cv2
import numpy as np

from nbst_live.backdrop.privacy import RAW_LEVELS, RAW_SHARE
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.closing import Closable
from nbst_live.stages import Picture

WIDTH, HEIGHT, FPS, FRAMES = 320, 180, 15, 100
CLIP = SyntheticClip(WIDTH, HEIGHT, FRAMES, fps=FPS)
SMALL = (80, 45)


class Witness(Closable):
    """A sink that counts its pictures in `taken`, and in `raw` those that show the raw room."""

    def __init__(self) -> None:
        self.name = "witness"
        self.taken = self.raw = 0
        alphas = [CLIP.alpha(index) for index in range(FRAMES)]
        self._sources = [CLIP.frame(index) for index in range(FRAMES)]
        self._rooms = [alpha == 0 for alpha in alphas]
        person = cv2.resize(np.minimum.reduce(alphas), SMALL, interpolation=cv2.INTER_AREA) == 1
        self._person = person
        self._marks = np.stack([self._mark(source) for source in self._sources])

    def send(self, picture: Picture, time: float) -> None:  # noqa: ARG002 - the person tells the frame
        self.taken += 1
        self.raw += self.raw_share(picture) > RAW_SHARE

    def raw_share(self, picture: Picture) -> float:
        """Share of the room's pixels that are the source's."""
        index, _ = self.nearest(picture)
        near = (cv2.absdiff(picture, self._sources[index]) <= RAW_LEVELS).all(axis=2)
        return float(near[self._rooms[index]].mean())

    def nearest(self, picture: Picture) -> tuple[int, float]:
        """Which frame of the clip the person is of, and the mean difference there in grey levels."""
        differences = np.abs(self._marks - self._mark(picture)).mean(axis=1)
        index = int(differences.argmin())
        return index, float(differences[index])

    def close(self) -> None:
        """What was counted stays readable."""

    def _mark(self, picture: Picture) -> Picture:
        small = cv2.resize(picture, SMALL, interpolation=cv2.INTER_AREA)
        return np.asarray(small[self._person].astype(np.float32).reshape(-1))


def watch_file(path: Path) -> tuple[Witness, list[float]]:
    """Shows a recording to a witness: it, and the time in seconds of every frame up to the last whole one."""
    witness, times = Witness(), list[float]()
    with av.open(path) as container, contextlib.suppress(av.InvalidDataError):
        for frame in container.decode(video=0):
            witness.send(np.asarray(frame.to_ndarray(format="bgr24"), np.uint8), frame.time or 0.0)
            times.append(frame.time or 0.0)
    return witness, times


def frames_lost(times: list[float]) -> int:
    """Frames missing between the first and the last of a recording, by their times in seconds."""
    return sum(max(0, round((later - earlier) * FPS) - 1) for earlier, later in pairwise(times))
