"""How long each stage takes: one timer for the live status line, `--report` and `nbst-live bench`."""

import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt

WINDOW = 4096
"""Newest durations kept for each stage: over two minutes at 30 frames per second, in little memory."""
QUANTILES = (50, 95, 99)


def percentiles(seconds: Collection[float]) -> dict[str, float]:
    """{p50, p95, p99} in milliseconds, of durations in seconds; {} of none."""
    if not seconds:
        return {}
    return {f"p{q}": round(float(v) * 1e3, 3) for q, v in zip(QUANTILES, _quantiles(seconds), strict=True)}


def _quantiles(seconds: Collection[float]) -> npt.NDArray[np.float64]:
    return np.percentile(np.fromiter(seconds, np.float64), QUANTILES)


class StageTimer:
    """Durations of named stages, in seconds, the newest WINDOW of each. For one thread."""

    def __init__(self) -> None:
        self.stages: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=WINDOW))

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times the body of a `with` under this name."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages[name].append(time.perf_counter() - start)

    def add(self, name: str, seconds: float) -> None:
        """Adds a duration measured elsewhere."""
        self.stages[name].append(seconds)

    def clear(self) -> None:
        """Forgets all durations, after a warm-up say."""
        self.stages.clear()

    def summary(self) -> dict[str, dict[str, float]]:
        """{stage: {p50_ms, p95_ms, p99_ms}} in the order in which stages first came."""
        return {n: {f"{q}_ms": v for q, v in percentiles(d).items()} for n, d in self.stages.items()}
