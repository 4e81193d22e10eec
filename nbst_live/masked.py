"""Frames with their masks, made in a thread of its own while the loop finishes the frame before.

A frame is read only while fewer than are asked for wait to be taken, and mask and frame are always of the same moment.
"""

import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass

from nbst_live.closing import Closable
from nbst_live.errors import MaskError, SourceStalled
from nbst_live.stages import Alpha, Compared, Frame, Seen, Source
from nbst_live.threads import Worker


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """Who is in a frame: what is seen of it at the network's size, alpha of the same size, and what comparing it with
    the known room says, if there is a key and something to compare with.
    """

    seen: Seen
    alpha: Alpha
    compared: Compared | None


@dataclass(frozen=True, slots=True, eq=False)
class Masked:
    """A frame, and who is in it, or what kept that from being found; `seconds` is what each stage took."""

    frame: Frame
    found: Found | MaskError
    seconds: dict[str, float]


class MaskedFrames(Closable):
    """Reads a source, so many frames `ahead` of the reader, has each masked by `look`; closing it closes neither."""

    def __init__(self, source: Source, look: Callable[[Frame], Masked], ahead: int = 1) -> None:
        self._source, self._look = source, look
        self._found: queue.SimpleQueue[Masked | BaseException] = queue.SimpleQueue()
        self._turn = threading.Semaphore(ahead)
        self._worker = Worker("mask", self._keep_looking)
        self._worker.start()

    def read(self) -> Masked:
        """The next frame; raises what reading and masking it raised, after which only SourceStalled lets it go on."""
        found = self._found.get()
        self._turn.release()
        if isinstance(found, BaseException):
            raise found
        return found

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
            try:
                found = self._look(self._source.read())
            except BaseException as error:  # noqa: BLE001 the outermost loop of this thread; `read` raises it again
                found, going = error, isinstance(error, SourceStalled)
            self._found.put(found)
