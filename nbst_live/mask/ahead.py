"""A mask that does not wait for its network: the last alpha, moved by optical flow onto the present frame."""

from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from nbst_live.closing import Closable
from nbst_live.mask.certainty import FAINT, SOMEBODY
from nbst_live.mask.flow import Flow, fetch
from nbst_live.shrink import shrink
from nbst_live.stages import Alpha, Masker, Matte, Picture

STRANGE = 16.0
"""Mean difference in grey levels, in a neighbourhood, of the moved frame and the present one, from which the movement
is not believed there."""
NEIGHBOURHOOD = (5, 5)
THICK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (5, 5))
"""What does not hold this is the soft edge of somebody."""
LOST = 0.008
"""Share of the frame that may be called person, or half a person over more than an edge, where the movement is not
believed: some of that may be room. Somebody who moves by a thirtieth of the width from frame to frame stays below."""


class AheadMasker(Closable):
    """Runs a masker in a thread of its own, on each frame while the frame before it is shown; closes it too.

    The alpha that `mask` gives fits the picture it was given: it was found on the frame before and then moved. What
    that frame did not show, it lacks. The first frame waits for its own alpha, and so does one of another size and one
    whose movement was too quick to be followed.
    """

    def __init__(self, masker: Masker) -> None:
        self._masker, self._flow = masker, Flow()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="mask")
        self._pending: Future[Alpha] | None = None
        self._before: Picture | None = None
        self._closed = False

    @property
    def provider(self) -> str:
        return self._masker.provider

    @property
    def size(self) -> tuple[int, int]:
        return self._masker.size

    def mask(self, picture: Picture) -> Alpha:
        """Alpha at the network's size. Raises MaskError, also for the frame before."""
        pending, before = self._pending, self._before
        self._pending = self._before = None
        moved = None
        if pending is not None and before is not None and before.shape == picture.shape:
            moved = self._moved(pending.result(), before, picture)
        own = self._thread.submit(self._found, picture)
        if moved is None:
            moved = own.result().copy()
        self._pending, self._before = own, picture
        return moved

    def close(self) -> None:
        """Waits for the network to finish, then closes the masker."""
        if self._closed:
            return
        self._closed = True
        self._thread.shutdown()
        self._masker.close()

    def _moved(self, alpha: Alpha, before: Picture, picture: Picture) -> Alpha | None:
        """Alpha of the frame before, moved onto the present one; None where that could not be followed."""
        now, then = (_grey(p, alpha) for p in (picture, before))
        moved, expected = fetch(self._flow.back(now, then), alpha, then.astype(np.float32))
        change = cv2.blur(cv2.absdiff(now.astype(np.float32), expected), NEIGHBOURHOOD)
        strange = cv2.compare(change, STRANGE, cv2.CMP_GT)
        somebody, half = cv2.compare(moved, SOMEBODY, cv2.CMP_GT), cv2.inRange(moved, FAINT, SOMEBODY)
        lost = cv2.countNonZero(strange & somebody)
        lost += cv2.countNonZero(cv2.morphologyEx(strange & half, cv2.MORPH_OPEN, THICK))
        return None if lost > LOST * moved.size else np.clip(moved, 0, 1, out=moved)

    def _found(self, picture: Picture) -> Alpha:
        return self._masker.mask(picture).copy()


def _grey(picture: Picture, alpha: Alpha) -> Matte:
    return cv2.cvtColor(shrink(picture, alpha.shape[1], alpha.shape[0]), cv2.COLOR_BGR2GRAY)
