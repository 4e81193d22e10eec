"""A backdrop that is painted first and then stays: for stills and for clips that are rendered to a file."""

from collections.abc import Callable

import cv2
import numpy as np

from nbst_live.backdrop import privacy
from nbst_live.backdrop.job import Cause, Failed, Progress
from nbst_live.backdrop.plate import shrink_plate
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.closing import Closable
from nbst_live.errors import SolverError
from nbst_live.gatys.settings import SolverSettings
from nbst_live.pictures import Style
from nbst_live.stages import Alpha, Frame, Matte, Picture, Room

WAIT_SECONDS = 0.2
UNDER_EDGES = 3
"""Pixels, at the solver's size, that are painted under the person's edge."""
REMEDIES = {
    Cause.MEMORY: "; close other programs",
    Cause.ENDED: "; close other programs if memory is short, and see the solver's log file",
}


class StillBackdrop(Closable):
    """Shows one picture, (H, W, 3) uint8 BGR, of the frames' size; `room` is what the clip showed of the room."""

    def __init__(self, picture: Picture, room: Room | None = None) -> None:
        self._picture, self._room = picture, room

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        """Learns nothing."""

    def latest(self) -> Picture:
        """The picture."""
        return self._picture

    def room(self) -> Room | None:
        """What is known of the room."""
        return self._room

    def heed(self, load: float) -> None:
        """Paints no more."""

    def close(self) -> None:
        """Nothing to close."""


def paint(
    worker: SolverWorker,
    room: Picture,
    known: Matte,
    style: Style,
    settings: SolverSettings,
    progress: Callable[[Progress, Picture | None], None],
    *,
    hidden: Matte | None = None,
    private: bool = False,
) -> Picture:
    """Has a room painted, waits for it, and returns the painting at the room's size, guarded by `privacy.repel`.

    `room` is (H, W, 3) uint8 BGR, `known` (H, W) uint8, 255 where the room is known, `hidden` likewise where the
    painting will not be seen, so that it need not be painted. `progress` hears of every step, with the picture, at the
    worker's size, for those that published one. Raises SolverError, also for a `private` room that is still to be
    recognised in its painting.
    """
    guide = None if hidden is None else _guide(hidden, worker.size)
    worker.submit(*shrink_plate(room, known, worker.size), guide, styles=style.paintings, settings=settings)
    while True:
        worker.wait(WAIT_SECONDS)
        for message in worker.poll():
            if isinstance(message, Failed):
                remedy = REMEDIES.get(message.cause, "")
                raise SolverError(f"the room could not be painted; solver: {message.reason}{remedy}")
            picture = worker.take() if message.published else None
            progress(message, picture)
            if message.final and picture is not None:
                return _finished(picture, room, known, private=private)


def _guide(hidden: Matte, size: tuple[int, int]) -> Matte:
    """255 where to paint, at a (width, height): wherever any of it is seen, and a few pixels on, under the edges."""
    small = cv2.resize(hidden, size, interpolation=cv2.INTER_AREA)
    seen = cv2.compare(small, 255, cv2.CMP_LT)
    return np.asarray(cv2.dilate(seen, np.ones((2 * UNDER_EDGES + 1,) * 2, np.uint8)), np.uint8)


def _finished(picture: Picture, room: Picture, known: Matte, *, private: bool) -> Picture:
    full = np.asarray(cv2.resize(picture, room.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    if private and not privacy.painted(full, room, known):
        raise SolverError(f"{privacy.REFUSED}, and so do more --steps")
    return np.asarray(cv2.copyTo(privacy.repel(full, room), known, full))
