"""nbst-live as a library: frames in, finished pictures out."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from nbst_live import app
from nbst_live.backdrop.cache import BackdropCache, cache_folder
from nbst_live.backdrop.room import RoomBackdrop, SolverState
from nbst_live.closing import Closable
from nbst_live.errors import InputError
from nbst_live.pictures import read_picture
from nbst_live.pipeline import Pipeline
from nbst_live.settings import Settings, parse_values
from nbst_live.stages import MIN_SIDE, Frame, Picture


class BackgroundFilter(Closable):
    """Keeps the person of each frame and turns the room behind them into a painting.

        with BackgroundFilter(style="starry.jpg") as f:
            out = f(frame)

    `style` is a picture's path or a built-in style's name, or several of them, mixed by the weights `style_mix`. Other
    keywords are those fields of `nbst_live.settings.Settings` that concern the mask, the backdrop and the solver:
    strength, background, refresh, seed, threads, provider and so on; `fps` says how many frames a second will come.
    Raises InputError here when one is wrong.

    A frame and the result are (H, W, 3) uint8, BGR. The first frame fixes the size; it is slow, as it opens the mask
    (ModelError, ProviderError). Every call computes the mask and blends, some milliseconds, and does not wait for the
    solver: the room is painted in a process of its own and comes in when it is ready. Until then the style's own
    picture stands behind the person. The result is the caller's to keep. Calls must not overlap, but may come from any
    one thread. `close` ends the solver's process; a filter that is not closed takes it along when the program ends.
    """

    def __init__(self, style: str | Path | Sequence[str | Path], *, cache: bool = True, **settings: object) -> None:
        names = [style] if isinstance(style, (str, Path)) else style
        if not names:
            raise InputError("got no style, expected a picture's path or a built-in style's name")
        if len(names) > 1:
            settings.setdefault("style_mix", [1] * len(names))
        values = parse_values({"style": [str(name) for name in names], **settings}, lambda name: name)
        self._settings = Settings(**values)
        self._style = app.open_styles(self._settings)[0]
        self._how = app.solver_settings(self._settings, beside_live=True)
        self._photo = None if self._settings.background is None else read_picture(self._settings.background)
        self._cache = BackdropCache(cache_folder()) if cache else None
        self._opened = ExitStack()
        self._pipeline: Pipeline | None = None
        self._backdrop: RoomBackdrop | None = None
        self._size = (0, 0)
        self._count = 0
        self._began = time.monotonic()

    def __call__(self, frame: Picture) -> Picture:
        """The finished picture of a frame. Raises InputError for a frame of another size, shape or type."""
        picture = self._checked(frame)
        pipeline = self._pipeline or self._open(picture)
        now = time.monotonic()
        taken = Frame(picture, self._count, now - self._began, now)
        result = pipeline.process(taken)
        pipeline.sent(taken, (time.monotonic() - now) * self._settings.fps)
        self._count += 1
        return result.copy()

    @property
    def solver(self) -> SolverState | None:
        """What the solver does and has done; None before the first frame."""
        return None if self._backdrop is None else self._backdrop.state

    def close(self) -> None:
        """Ends the solver's process and frees the mask; the filter cannot be used afterwards."""
        self._opened.close()
        self._pipeline, self._size = None, (-1, -1)

    def _open(self, picture: Picture) -> Pipeline:
        size = (picture.shape[1], picture.shape[0])
        with ExitStack() as opened:
            worker = opened.enter_context(app.open_worker(size, self._settings, niceness=app.SOLVER_NICENESS))
            masker = opened.enter_context(app.open_live_masker(self._settings, size))
            self._backdrop = RoomBackdrop(
                self._style, size, self._how, worker, self._cache,
                photo=self._photo, refresh=self._settings.refresh,
            )  # fmt: skip
            cutting = app.open_cutting(self._settings)
            self._pipeline = app.open_pipeline(self._settings, masker, cutting, self._backdrop, size)
            self._size = size
            self._opened = opened.pop_all()
        return self._pipeline

    def _checked(self, frame: Picture) -> Picture:
        if self._size == (-1, -1):
            raise InputError("the filter is closed; make a new one")
        shape = getattr(frame, "shape", None)
        if not isinstance(frame, np.ndarray) or frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3:
            kind = getattr(frame, "dtype", type(frame).__name__)
            raise InputError(
                f"got a frame of {kind} with shape {shape}, expected uint8 with shape (height, width, 3), BGR"
            )
        if min(frame.shape[:2]) < MIN_SIDE:
            raise InputError(
                f"got a frame of {frame.shape[1]}x{frame.shape[0]}, expected sides of {MIN_SIDE} pixels at least"
            )
        if self._size != (0, 0) and (frame.shape[1], frame.shape[0]) != self._size:
            raise InputError(
                f"got a frame of {frame.shape[1]}x{frame.shape[0]}, expected {self._size[0]}x{self._size[1]}"
            )
        return np.array(frame, order="C")  # what is kept of it until the next call must not change with the caller's
