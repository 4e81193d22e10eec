"""What is seen of a frame at the network's size, and how that has moved: found once, for all that follows the mask."""

import cv2

from nbst_live.mask.flow import Flow
from nbst_live.shrink import shrink
from nbst_live.stages import Matte, Movement, Picture, Seen


class Sight:
    """Sees frames of one stream, in one thread; `over_time` keeps the frame before, for the movement since then."""

    def __init__(self, *, over_time: bool = True) -> None:
        self._flow = Flow() if over_time else None
        self._before: Matte | None = None

    def of(self, picture: Picture, width: int, height: int) -> Seen:
        """A picture of any size, seen at width x height. It has moved since the last one asked about, if that was seen
        at the same size.
        """
        small = shrink(picture, width, height)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
        if self._flow is None:
            return Seen(small, grey, None)
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape:
            return Seen(small, grey, None)
        return Seen(small, grey, Movement(before, self._flow.back(grey, before)))
