"""Threads that are never abandoned."""

import threading
from collections.abc import Callable


class Worker:
    """A thread that its owner always stops and joins, and whose exception is never lost.

    The body runs once and returns soon after the event it is given is set. What ended it stays in `error`, for the
    owner to raise again where it is asked for a result.
    """

    def __init__(self, name: str, body: Callable[[threading.Event], None]) -> None:
        self.error: BaseException | None = None
        self._body = body
        self._stopping = threading.Event()
        # A daemon, so that a program that dies before close() is not kept alive by a thread waiting for it.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def over(self) -> bool:
        """Whether the body has returned, after which `join` does not wait; also before `start`."""
        return not self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Asks the body to return; does not wait."""
        self._stopping.set()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        try:
            self._body(self._stopping)
        except BaseException as error:  # noqa: BLE001 the outermost loop of this thread; its owner raises it again
            self.error = error
