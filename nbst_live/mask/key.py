"""The difference key: alpha corrected by what the empty room looks like (scripts/key_net.py says how)."""

from typing import Any

import cv2
import numpy as np

from nbst_live.errors import MaskError
from nbst_live.logs import first_line
from nbst_live.mask.providers import open_session
from nbst_live.mask.shrink import shrink
from nbst_live.models import ModelRecord, verify
from nbst_live.stages import Alpha, Picture, Room

SURE = 0.9
"""Alpha of which a network is sure."""
FAINT, SOMEBODY = 0.1, 0.5
"""Alpha up to which there is nobody, and from which the mask network sees somebody."""
PATTERN = 6.0
"""Least spread of the plate's luma, in grey levels, that is a pattern and no wall."""
RIM = np.ones((5, 5), np.uint8)
"""Nearer to the edge of somebody than this anything may be taken."""
STRIDE = 8
"""The network takes pictures whose sides are multiples of it."""


class DifferenceKey:
    """Runs the network that knows the room. For one thread.

    Always on the CPU: it takes less time there than its pictures take to a GPU. Raises ModelError and ProviderError.
    """

    def __init__(self, record: ModelRecord, *, threads: int = 2) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = open_session(verify(record), options, "cpu", onnxruntime, _warm_up).session
        self._room: Room | None = None
        self._small: Picture
        self._any = False

    def correct(self, alpha: Alpha, small: Picture, room: Room | None) -> Alpha:
        """Alpha (h, w) in [0, 1] as the room lets it appear; itself while nothing is known of that.

        `small` is the picture at alpha's size. Raises MaskError.
        """
        if room is None:
            return alpha
        height, width = alpha.shape
        if room is not self._room or self._small.shape[:2] != alpha.shape:
            self._room, self._small = room, _shrunk(room, width, height)
            self._any = bool(self._small[..., 3].any())
        if not self._any:
            return alpha
        planes = [_padded(plane)[None] for plane in (small, alpha, self._small)]
        try:
            (found,) = self._session.run(None, dict(zip(("picture", "alpha", "room"), planes, strict=True)))
        except Exception as error:
            raise MaskError(f"the difference key failed on a frame: {first_line(error)}") from error
        return _without_ghosts(_restored(found[0, :height, :width], alpha, small, self._small), alpha)


def _shrunk(room: Room, width: int, height: int) -> Picture:
    """The room at alpha's size, (h, w, 4): BGR, and 255 where all of a pixel is known."""
    known = cv2.resize(room.known, (width, height), interpolation=cv2.INTER_AREA)
    # As frames are shrunk: else the room's own texture would be a difference.
    return cv2.merge([shrink(room.picture, width, height), cv2.compare(known, 255, cv2.CMP_EQ)])


def _restored(found: Alpha, alpha: Alpha, small: Picture, plate: Picture) -> Alpha:
    """What was found, but with all that was taken out of somebody of whom the mask network is sure, unless the picture
    shows the plate's own pattern there. A shirt in the colour of the wall is no gap between an arm and a body.
    """
    sure = cv2.compare(alpha, SURE, cv2.CMP_GE)
    taken = cv2.bitwise_and(cv2.compare(found, SURE, cv2.CMP_LT), cv2.erode(sure, RIM))
    count, labels = cv2.connectedComponents(taken, connectivity=8, ltype=cv2.CV_16U)
    if count == 1:
        return found
    at = labels[taken > 0]
    now, then = (
        cv2.cvtColor(side[..., :3], cv2.COLOR_BGR2GRAY)[taken > 0].astype(np.float32) for side in (small, plate)
    )
    pixels = np.maximum(np.bincount(at, minlength=count), 1)
    mean, square, apart = (np.bincount(at, v, count) / pixels for v in (then, then * then, np.abs(now - then)))
    pattern = np.sqrt(np.maximum(square - mean * mean, 0))
    doubtful = (pattern < PATTERN) | (apart > pattern)
    doubtful[0] = False
    given = cv2.bitwise_and(cv2.dilate(doubtful[labels].astype(np.uint8), RIM), sure)
    return np.where(given > 0, alpha, found)


def _without_ghosts(found: Alpha, alpha: Alpha) -> Alpha:
    """What was found, but for what is faint, and for islands where the mask network sees nobody: there the plate still
    holds somebody who has left, and the room is what differs.
    """
    count, labels = cv2.connectedComponents(cv2.compare(found, FAINT, cv2.CMP_GT), connectivity=8, ltype=cv2.CV_16U)
    held = np.zeros(count, bool)
    held[labels[alpha >= SOMEBODY]] = True
    held[0] = False
    return np.where(held[labels], found, np.minimum(found, alpha))


def _padded(plane: Picture | Alpha) -> Picture | Alpha:
    """Its sides made multiples of STRIDE."""
    below, beside = (-side % STRIDE for side in plane.shape[:2])
    if not (below or beside):
        return plane
    return cv2.copyMakeBorder(plane, 0, below, 0, beside, cv2.BORDER_REPLICATE)


def _warm_up(session: Any) -> None:
    side = 2 * STRIDE
    shapes = {"picture": (1, side, side, 3), "alpha": (1, side, side), "room": (1, side, side, 4)}
    kinds = {"alpha": np.float32}
    session.run(None, {name: np.zeros(shape, kinds.get(name, np.uint8)) for name, shape in shapes.items()})
