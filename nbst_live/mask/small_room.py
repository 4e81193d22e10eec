"""The known room at the network's size."""

from dataclasses import dataclass

import cv2

from nbst_live.shrink import shrink
from nbst_live.stages import Matte, Picture, Room


@dataclass(frozen=True, slots=True, eq=False)
class SmallRoom:
    """The known room at the network's size: `framed`, (h, w, 4) uint8, is BGR and `known`; `grey` and `known` are
    (h, w) uint8, its luma, and 255 where all of a pixel has been seen.
    """

    framed: Picture
    grey: Matte
    known: Matte


class SmallRooms:
    """Makes them, and keeps the last one; for one thread."""

    def __init__(self) -> None:
        self._last: tuple[Room, SmallRoom] | None = None

    def of(self, room: Room, width: int, height: int) -> SmallRoom:
        """The room as frames are shrunk: else its own texture would be a difference."""
        if self._last is None or self._last[0] is not room or self._last[1].known.shape != (height, width):
            picture, known = shrink(room.picture, width, height), shrink(room.known, width, height)
            known = cv2.compare(known, 255, cv2.CMP_EQ)
            grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
            self._last = room, SmallRoom(cv2.merge([picture, known]), grey, known)
        return self._last[1]
