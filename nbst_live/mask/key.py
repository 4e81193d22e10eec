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
DOUBTFUL = 0.5
"""Mean alpha above which a hole is one of doubt."""
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
        return _without_doubts(found[0, :height, :width], alpha)


def _shrunk(room: Room, width: int, height: int) -> Picture:
    """The room at alpha's size, (h, w, 4): BGR, and 255 where all of a pixel is known."""
    known = cv2.resize(room.known, (width, height), interpolation=cv2.INTER_AREA)
    # As frames are shrunk: else the room's own texture would be a difference.
    return cv2.merge([shrink(room.picture, width, height), cv2.compare(known, 255, cv2.CMP_EQ)])


def _without_doubts(found: Alpha, alpha: Alpha) -> Alpha:
    """What was found, but for half-hearted holes in somebody of whom the mask network is sure, as in a face before a
    wall of its colour. A gap between neck and hair is found whole-heartedly.
    """
    count, labels = cv2.connectedComponents(cv2.compare(found, SURE, cv2.CMP_LT), connectivity=4, ltype=cv2.CV_16U)
    if count < 3:
        return found
    flat = labels.reshape(-1)
    mean = np.bincount(flat, found.reshape(-1), count) / np.maximum(np.bincount(flat, minlength=count), 1)
    doubt = mean > DOUBTFUL
    doubt[labels[alpha < SURE]] = doubt[0] = False
    return np.where(doubt[labels], alpha, found) if doubt.any() else found


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
