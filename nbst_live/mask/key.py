"""The difference key: alpha corrected by what the empty room looks like (scripts/key_net.py says how)."""

from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.errors import MaskError
from nbst_live.logs import first_line
from nbst_live.mask.certainty import FAINT, SOMEBODY, SURE
from nbst_live.mask.company import Company
from nbst_live.mask.light import BLOCK, clear, gains, trust
from nbst_live.mask.providers import open_own
from nbst_live.mask.small_room import SmallRoom, SmallRooms
from nbst_live.mask.window import Window
from nbst_live.models import ModelRecord
from nbst_live.stages import Alpha, Compared, Matte, Picture, Room, Seen

PATTERN = 6.0
"""Least spread of the plate's luma, in grey levels, that is a pattern and no wall."""
TOGETHER = 0.6
"""Correlation of picture and plate from which the one shows the other's pattern."""
RIM = np.ones((5, 5), np.uint8)
"""Nearer to the edge of somebody than this anything may be taken."""
CORE = np.ones((3, 3), np.uint8)
"""What is nearer to a region's edge than this says nothing of what the region shows."""
THICK = np.ones((7, 7), np.uint8)
"""What holds this is no finger and no strand: found where the mask network sees nobody at all, it must go along with
somebody to be believed (company.py)."""
INPUTS = "picture", "alpha", "room", "light", "trust"
"""Of the network, see scripts/key_net.py."""
STRIDE = BLOCK
"""The network takes pictures whose sides are multiples of it, as `clear` does."""
REACH = 5
"""Blocks of STRIDE pixels around somebody in which it may find somebody."""

Level = TypeVar("Level", np.uint8, np.float32)


class DifferenceKey:
    """Runs the network that knows the room, on the CPU; for frames of one stream, each step in one thread at a time.
    Raises ModelError.
    """

    def __init__(self, record: ModelRecord, *, threads: int = 2) -> None:
        self._session = open_own(record, threads, _warm_up)
        self._rooms = SmallRooms()
        self._company = Company()

    def correct(self, alpha: Alpha, seen: Seen, room: Room | None) -> Alpha:
        """Both steps: alpha (h, w) in [0, 1] as the room lets it appear; itself while nothing is known of that.

        `seen` is the picture at alpha's size. Raises MaskError.
        """
        return self.believe(self.compare(alpha, seen, room), alpha, seen)

    def compare(self, alpha: Alpha, seen: Seen, room: Room | None) -> Compared | None:
        """The first step: what the network finds; None where nobody is, and while nothing of the room is known or to be
        believed. Raises MaskError.
        """
        if room is None:
            return None
        plate = self._rooms.of(room, *alpha.shape[::-1])
        found = self._found(alpha, seen.small, plate)
        return None if found is None else Compared(found, plate.grey, plate.known)

    def believe(self, compared: Compared | None, alpha: Alpha, seen: Seen) -> Alpha:
        """The second step: that alpha, but what was found instead as far as the rules let it be believed."""
        if compared is None:
            self._company = Company()
            return alpha
        kept = _restored(compared, alpha, seen.grey)
        return _without_ghosts(self._without_things(kept, alpha, seen.grey), alpha)

    def _found(self, alpha: Alpha, small: Picture, plate: SmallRoom) -> Alpha | None:
        """What the network finds; None where nobody is, or the plate is not believed."""
        window = _reached(alpha)
        if window is None:
            return None
        picture, given, framed = _padded(small), _padded(alpha), _padded(plate.framed)
        where = clear(given, _padded(plate.known))
        light = gains(picture, framed, where)
        belief = trust(picture, framed, light, where)
        if not belief:
            return None
        planes = [np.ascontiguousarray(plane[window])[None] for plane in (picture, given, framed)]
        inputs = *planes, light, np.array([belief], np.float32)
        try:
            (near,) = self._session.run(None, dict(zip(INPUTS, inputs, strict=True)))
        except Exception as error:
            raise MaskError(f"the difference key failed on a frame: {first_line(error)}") from error
        found = alpha.copy()
        part = found[window]
        part[:] = near[0, : part.shape[0], : part.shape[1]]
        return found

    def _without_things(self, found: Alpha, alpha: Alpha, grey: Matte) -> Alpha:
        """What was found, but for what is more than strands and fingers where the mask network sees nobody, and does
        not go along with somebody: it may be a door that has opened, and of the room nothing is ever shown.
        """
        new = cv2.bitwise_and(cv2.compare(found, FAINT, cv2.CMP_GT), cv2.compare(alpha, FAINT, cv2.CMP_LE))
        thick = cv2.bitwise_and(cv2.dilate(cv2.morphologyEx(new, cv2.MORPH_OPEN, THICK), RIM), new)
        company = self._company.of(thick, alpha, grey)
        things = cv2.subtract(thick, cv2.dilate(company, RIM))
        return cv2.copyTo(cv2.min(found, alpha), things, found.copy())


def _reached(alpha: Alpha) -> Window | None:
    """The columns in which the network may find somebody; None where nobody is."""
    x, _, width, _ = cv2.boundingRect(cv2.compare(alpha, FAINT, cv2.CMP_GT))
    if not width:
        return None
    # In steps of two blocks: onnxruntime plans anew for each width that it meets.
    first, last = (x // STRIDE - REACH) // 2 * 2, (-(-(x + width) // STRIDE) + REACH + 1) // 2 * 2
    return slice(None), slice(max(0, first) * STRIDE, last * STRIDE)


def _restored(compared: Compared, alpha: Alpha, grey: Matte) -> Alpha:
    """What was found, but with all that was taken out of somebody of whom the mask network is sure, unless the picture
    shows the plate's own pattern there. A shirt in the colour of the wall is no gap between an arm and a body.
    """
    found, sure = compared.alpha, cv2.compare(alpha, SURE, cv2.CMP_GE)
    taken = cv2.bitwise_and(cv2.compare(found, SURE, cv2.CMP_LT), cv2.erode(sure, RIM))
    count, labels = cv2.connectedComponents(taken, connectivity=8, ltype=cv2.CV_16U)
    if count == 1:
        return found
    # A region's rim may still be the person's.
    doubtful = ~_alike(cv2.copyTo(labels, cv2.erode(taken, CORE)), count, grey, compared)
    doubtful[0] = False
    if not doubtful.any():
        return found
    given = cv2.bitwise_and(cv2.dilate(doubtful.take(labels).astype(np.uint8), RIM), sure)
    return cv2.copyTo(alpha, given, found.copy())


def _alike(labels: npt.NDArray[np.uint16], count: int, grey: Matte, compared: Compared) -> npt.NDArray[np.bool_]:
    """Which of the regions 1 to `count` - 1 show the plate's own pattern, in whatever light: most of each is known, has
    a pattern, and the two go together.
    """
    inside = labels > 0
    where = inside & (compared.known > 0)
    at = labels[where]
    now, then = (side[where].astype(np.float32) for side in (grey, compared.room))
    whole, pixels = (np.bincount(side, minlength=count) for side in (labels[inside], at))
    mean = [np.bincount(at, side, count) / np.maximum(pixels, 1) for side in (now, then)]
    now, then = (side - average.astype(np.float32)[at] for side, average in zip((now, then), mean, strict=True))
    square_now, square_then, both = (np.bincount(at, p, count) for p in (now * now, then * then, now * then))
    pattern = square_then >= PATTERN**2 * pixels
    return np.asarray(pattern & (2 * pixels > whole) & (both > TOGETHER * np.sqrt(square_now * square_then)))


def _without_ghosts(found: Alpha, alpha: Alpha) -> Alpha:
    """What was found, but for what is faint, and for islands where the mask network sees nobody: there the plate still
    holds somebody who has left, and the room is what differs.
    """
    anybody = cv2.compare(found, FAINT, cv2.CMP_GT)
    count, labels = cv2.connectedComponents(anybody, connectivity=8, ltype=cv2.CV_16U)
    held = np.zeros(count, np.uint8)
    held[labels[alpha >= SOMEBODY]] = 255
    held[0] = 0
    kept = anybody if held[1:].all() else held.take(labels)
    return cv2.copyTo(found, kept, cv2.min(found, alpha))


def _padded(plane: npt.NDArray[Level]) -> npt.NDArray[Level]:
    """Its sides made multiples of STRIDE."""
    below, beside = (-side % STRIDE for side in plane.shape[:2])
    if not (below or beside):
        return plane
    return np.pad(plane, [(0, below), (0, beside), (0, 0)][: plane.ndim], mode="edge")


def _warm_up(session: Any) -> None:
    side = 2 * STRIDE
    planes = np.zeros((1, side, side, 3), np.uint8), np.zeros((1, side, side), np.float32)
    room = np.zeros((1, side, side, 4), np.uint8), np.ones(3, np.float32), np.ones(1, np.float32)
    session.run(None, dict(zip(INPUTS, (*planes, *room), strict=True)))
