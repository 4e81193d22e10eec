"""A mask that does not wait for its network: the last alpha, moved by optical flow onto the present frame."""

from concurrent.futures import Future, ThreadPoolExecutor

import cv2
import numpy as np

from nbst_live.closing import Closable
from nbst_live.mask.flow import Flow, fetch
from nbst_live.mask.shrink import shrink
from nbst_live.stages import Alpha, Masker, Matte, Picture


class AheadMasker(Closable):
    """Runs a masker in a thread of its own, on each frame while the frame before it is shown; closes it too.

    The alpha that `mask` gives fits the picture it was given: it was found on the frame before and then moved. What
    that frame did not show, it lacks. Only the first frame waits for the network, and one of another size.
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
        if pending is None or before is None or before.shape != picture.shape:
            alpha = self._thread.submit(self._found, picture).result()
            moved = alpha
        else:
            alpha = pending.result()
            now, then = (_grey(p, alpha) for p in (picture, before))
            (moved,) = fetch(self._flow.back(now, then), alpha)
            moved = np.clip(moved, 0, 1, out=moved)
        self._pending, self._before = self._thread.submit(self._found, picture), picture
        return moved

    def close(self) -> None:
        """Waits for the network to finish, then closes the masker."""
        if self._closed:
            return
        self._closed = True
        self._thread.shutdown()
        self._masker.close()

    def _found(self, picture: Picture) -> Alpha:
        return self._masker.mask(picture).copy()


def _grey(picture: Picture, alpha: Alpha) -> Matte:
    return cv2.cvtColor(shrink(picture, alpha.shape[1], alpha.shape[0]), cv2.COLOR_BGR2GRAY)
