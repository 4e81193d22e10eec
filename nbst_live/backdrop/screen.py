"""What stands behind the person: one guarded picture after the other, each dissolved into the next."""

import cv2
import numpy as np

from nbst_live.backdrop import privacy
from nbst_live.backdrop.dissolve import Dissolve
from nbst_live.stages import Picture, Room

DISSOLVE_SECONDS = 1.2
SPARSE = 4
"""Only each so many-th row and column is looked at for whether the room came near the picture on screen."""
NEAR_LEVELS = (privacy.RAW_LEVELS + privacy.DISTANCE) // 2
NEAR_SHARE = privacy.RAW_SHARE / 4
"""Share of pixels within NEAR_LEVELS of the plate from which the picture is guarded again: the plate lags behind the
light, which drifts on while that comes on screen.
"""


class Screen:
    """Begins with a picture that is nowhere near the `room` of the first frame; all (H, W, 3) uint8 BGR of one size.

    Times are `time.monotonic()` seconds. For one thread.
    """

    def __init__(self, first: Picture, room: Picture) -> None:
        self._dissolve = Dissolve(privacy.repel(first, room), DISSOLVE_SECONDS)
        self._bare = first
        self._next: Picture | None = None

    def bring(self, picture: Picture) -> None:
        """Brings a picture in when the change under way is over, in place of any that still waits."""
        self._next = picture

    def advance(self, room: Room, now: float) -> Picture:
        """The picture for this moment, valid until the next call. What begins to come in is moved away from the room
        wherever that is known.
        """
        if self._next is not None and not self._dissolve.busy:
            self._bare, self._next = self._next, None
            guarded = privacy.repel(self._bare, room.picture)
            self._dissolve.begin(np.asarray(cv2.copyTo(guarded, room.known, self._bare.copy())), now)
        return self._dissolve.advance(now)

    def watch(self, room: Room) -> None:
        """Has the picture guarded again when the room, in another light by now, came near it."""
        if self._next is not None or self._dissolve.busy:
            return
        planes = self._dissolve.picture, room.picture, room.known
        shown, plate, known = (np.ascontiguousarray(plane[::SPARSE, ::SPARSE]) for plane in planes)
        if privacy.raw_share(shown, plate, known, NEAR_LEVELS) > NEAR_SHARE:
            self._next = self._bare
