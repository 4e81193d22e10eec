"""Frames with their masks, made in a thread of its own while the loop finishes the frame before.

A frame is read only when the loop has taken the one before, so never more than one waits, and mask and frame are always
of the same moment. Which of the two threads has more to do depends on the machine: the step between, the trimap, is
done by the one that would else wait for the other.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from nbst_live.closing import Closable
from nbst_live.errors import MaskError, SourceStalled
from nbst_live.stages import Alpha, Frame, Seen, Source, Trimap
from nbst_live.threads import Worker


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Who is in a frame: what is seen of it at the network's size, and of the same size alpha, and that corrected."""

    seen: Seen
    alpha: Alpha
    corrected: Alpha


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """A frame, and who is in it, or what kept that from being found; `seconds` is what each stage took. `trimap` is
    None until `outlined`, and where the mask failed.
    """

    frame: Frame
    found: Found | MaskError
    seconds: dict[str, float]
    trimap: Trimap | None = None

    def outlined(self, trimap: Trimap, seconds: float) -> "Masked":
        """With its trimap, and the seconds that took."""
        return replace(self, trimap=trimap, seconds=self.seconds | {"trimap": seconds})


class MaskedFrames(Closable):
    """Reads a source and has each frame masked by `look` and then outlined; closing it closes neither.

    `outline` runs in either thread, but frame after frame in their order.
    """

    def __init__(self, source: Source, look: Callable[[Frame], Masked], outline: Callable[[Masked], Masked]) -> None:
        self._source, self._look, self._outline = source, look, outline
        self._found: queue.Queue[Masked | BaseException] = queue.Queue(1)
        self._turn = threading.Semaphore(1)
        self._pen = threading.Lock()
        self._awaited = self._left = False
        self._worker = Worker("mask", self._keep_looking)
        self._worker.start()

    def read(self) -> Masked:
        """The next frame; raises what reading, masking and outlining it raised, after which only SourceStalled lets it
        go on.
        """
        self._awaited = True
        found = self._found.get()
        self._awaited, left = False, self._left
        try:
            self._turn.release()
            if isinstance(found, BaseException):
                raise found
            return self._outline(found) if left else found
        finally:
            if left:
                self._pen.release()

    def close(self) -> None:
        """Waits for the frame under way, and drops it."""
        self._worker.stop()
        self._turn.release()
        self._worker.join()

    def _keep_looking(self, stopping: threading.Event) -> None:
        going = True
        while going:
            self._turn.acquire()
            if stopping.is_set():
                return
            found: Masked | BaseException
            self._left = False
            try:
                found = self._look(self._source.read())
                # Until the frame before is outlined. Who waits gets the frame with the pen, and outlines it while the
                # next one is looked at here.
                self._pen.acquire()
                self._left = self._awaited
                if not self._left:
                    found = self._outlined_here(found)
            except BaseException as error:  # noqa: BLE001 the outermost loop of this thread; `read` raises it again
                found, going = error, isinstance(error, SourceStalled)
            self._found.put(found)

    def _outlined_here(self, masked: Masked) -> Masked:
        try:
            return self._outline(masked)
        finally:
            self._pen.release()
