"""The one way in which resources of this package are context managers."""

from types import TracebackType
from typing import Self


class Closable:
    """A context manager whose exit calls `close()`, which a subclass gives and which may be called twice."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()
