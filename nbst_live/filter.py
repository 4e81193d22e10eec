"""nbst-live as a library: frames in, finished pictures out."""

import os
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import numpy as np

from nbst_live import app
from nbst_live.backdrop.cache import BackdropCache, cache_folder
from nbst_live.backdrop.room import RoomBackdrop, SolverState
from nbst_live.capture.opencv import MAX_PIXELS
from nbst_live.closing import Closable
from nbst_live.errors import InputError, NbstError, SettingError
from nbst_live.mask.opinion import SecondOpinion
from nbst_live.pictures import read_picture
from nbst_live.pipeline import Pipeline
from nbst_live.settings import JOINING, MASKING, PAINTING, Settings, parse_values
from nbst_live.stages import MIN_SIDE, Frame, Picture

SETTINGS = (*PAINTING, *MASKING, *JOINING, "background", "refresh", "fps", "latency")
"""The settings that mean something here; the others are of cameras, clips, files, windows."""
MAX_RATIO = 30
"""Of a frame's sides: a painting of a few rows diverges, and cv2.remap takes 32766 pixels a side, of which MAX_PIXELS
now leaves fewer.
"""


@contextmanager
def _keywords() -> Iterator[None]:
    """Lets errors name settings as keywords are written, `style_mix`, where the command line says `--style-mix`."""
    try:
        yield
    except NbstError as error:
        error.args = (re.sub(r"(?<!\S)--([a-z-]+)", lambda option: option[1].replace("-", "_"), str(error)),)
        raise


def _names(style: object) -> list[object]:
    """The styles that were named, one or several. Raises InputError."""
    names = list(style) if isinstance(style, Iterable) and not isinstance(style, (str, bytes)) else [style]
    kinds = {type(name).__name__ for name in names if not isinstance(name, (str, os.PathLike))}
    if kinds or not names:
        got = f"a style of {', '.join(sorted(kinds))}" if kinds else "no style"
        raise InputError(f"got {got}, expected a picture's path or a built-in style's name, or several of them")
    return names


def _named(style: object, mix: object) -> dict[str, object]:
    """The two settings of styles, several mixed evenly unless a `mix` is given. Raises InputError."""
    names = _names(style)
    return {"style": names, "style_mix": [1] * len(names) if mix is None and len(names) > 1 else mix}


class BackgroundFilter(Closable):
    """Keeps the person of each frame and turns the room behind them into a painting.

        with BackgroundFilter(style="starry.jpg") as f:
            out = f(frame)

    `style` is a picture's path or a built-in style's name, or several of them, mixed by the weights `style_mix`. Other
    keywords are the `SETTINGS`, fields of `nbst_live.settings.Settings` that concern the mask, the backdrop and the
    solver: strength, background, refresh, seed, threads, provider and so on; `fps` says how many frames a second will
    come. Raises InputError here when one is wrong.

    A frame and the result are (H, W, 3) uint8, BGR. The first frame fixes the size; it is slow, as it opens the mask
    (ModelError, ProviderError) and the solver (SolverError). Every call computes the mask and blends, some
    milliseconds, and does not wait for the solver: the room is painted in a process of its own and comes in when it is
    ready. Until then the style's own picture stands behind the person. The result is the caller's to keep. While
    `hidden`, which may be set at any time, is true, the backdrop alone comes out. `use` changes the style, `refresh`
    has the room painted anew. Calls must not overlap, but may come from any one thread. `threads` are the networks';
    OpenCV, which the program may use for other things too, keeps those that `cv2.setNumThreads` gave it. `close` ends
    the solver's process; a filter that is not closed takes it along when the program ends.
    """

    @_keywords()
    def __init__(
        self,
        style: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        *,
        cache: bool = True,
        **settings: object,
    ) -> None:
        named = _named(style, settings.get("style_mix"))
        if foreign := settings.keys() - set(SETTINGS):
            raise SettingError(
                f"{', '.join(sorted(foreign))}: not one of the library's settings; expected {', '.join(SETTINGS)}"
            )
        self._settings = Settings(**parse_values(settings | named, str))
        self._style = app.open_styles(self._settings)[0]
        self._how = app.solver_settings(self._settings, beside_live=True)
        self._photo = None if self._settings.background is None else read_picture(self._settings.background)
        self._cache = BackdropCache(cache_folder()) if cache else None
        self._hidden = False
        self._opened = ExitStack()
        self._pipeline: Pipeline | None = None
        self._backdrop: RoomBackdrop | None = None
        self._size = (0, 0)
        self._count = 0
        self._began = time.monotonic()

    @_keywords()
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

    @_keywords()
    def use(
        self, style: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, style_mix: object = None
    ) -> None:
        """Changes to another style, or several mixed, given as at first: its own picture stands behind the person until
        the room is painted in it. Raises InputError, and then goes on in the style before.
        """
        settings = replace(self._settings, **parse_values(_named(style, style_mix), str))
        opened = app.open_styles(settings)[0]
        if self._backdrop is not None:
            self._backdrop.use(opened)
        self._settings, self._style = settings, opened

    def refresh(self) -> None:
        """Has the room painted anew at the next frame."""
        if self._backdrop is not None:
            self._backdrop.refresh()

    @property
    def hidden(self) -> bool:
        """Whether the backdrop alone is to come out; counts at once, also for a frame that is on its way."""
        return self._hidden

    @hidden.setter
    def hidden(self, hidden: bool) -> None:
        self._hidden = hidden
        if self._pipeline is not None:
            self._pipeline.panic = hidden

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
            opinion = opened.enter_context(SecondOpinion())
            masker = opened.enter_context(app.open_live_masker(self._settings, size, opinion))
            self._backdrop = RoomBackdrop(
                self._style, size, self._how, worker, self._cache,
                photo=self._photo, refresh=self._settings.refresh,
            )  # fmt: skip
            opened.enter_context(self._backdrop)
            cutting = app.open_cutting(self._settings)
            self._pipeline = app.open_pipeline(self._settings, masker, cutting, self._backdrop, size, opinion)
            self._pipeline.panic = self._hidden
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
        short, long = sorted(frame.shape[:2])
        if short < MIN_SIDE or long > MAX_RATIO * short or short * long > MAX_PIXELS:
            raise InputError(
                f"got a frame of {frame.shape[1]}x{frame.shape[0]}, expected sides of {MIN_SIDE} pixels at least, none "
                f"more than {MAX_RATIO} times the other, and at most {MAX_PIXELS} pixels; scale or crop it"
            )
        if self._size != (0, 0) and (frame.shape[1], frame.shape[0]) != self._size:
            raise InputError(
                f"got a frame of {frame.shape[1]}x{frame.shape[0]}, expected {self._size[0]}x{self._size[1]}"
            )
        return np.array(frame, order="C")  # what is kept of it until the next call must not change with the caller's
