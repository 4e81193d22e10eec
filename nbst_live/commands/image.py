"""Paints behind the people of still pictures: the paper's own task."""

import argparse
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nbst_live import app
from nbst_live.backdrop.plate import Plate
from nbst_live.backdrop.still import paint
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.commands.progress import Interruption, PaintingBar
from nbst_live.commands.trace import Trace
from nbst_live.errors import InputError, PictureError, SettingError
from nbst_live.logs import start_log
from nbst_live.mask.people import People
from nbst_live.options import add_settings, settings_of
from nbst_live.paths import is_dir
from nbst_live.pictures import Style, check_target, cover, read_picture, write_picture
from nbst_live.settings import JOINING, MASKING, PAINTING, Settings
from nbst_live.stages import Alpha, Cutout, Matte, Picture

log = logging.getLogger(__name__)

SETTINGS = (*PAINTING, *MASKING, *JOINING, "refine", "background", "verbose")
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `nbst-live image`."""
    parser.add_argument("photos", nargs="+", type=Path, metavar="PHOTO", help="a photo, or a folder of photos")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.png|DIR",
        help="where the picture goes; a folder for several",
    )  # fmt: skip
    parser.add_argument(
        "--mask-out", type=Path, metavar="M.png", help="write the person's matte too (a folder for several)"
    )
    parser.add_argument("--trace", type=Path, metavar="DIR", help="write the loss curve and the picture at stages")
    add_settings(parser, SETTINGS)


def run(options: argparse.Namespace) -> int:
    """Paints every photo; returns the exit status. Raises NbstError."""
    settings = settings_of(options, SETTINGS)
    start_log(verbose=settings.verbose)
    if not settings.style:
        raise SettingError("--style is missing: give a picture file or a built-in style's name (`nbst-live styles`)")
    style = app.open_one_style(settings)
    plans, broken = _plans(options), 0
    with Studio(settings, style) as studio:
        for plan in plans:
            try:
                photo = read_picture(plan.photo)
            except PictureError as error:
                if len(plans) == 1:
                    raise
                log.warning("%s", error)
                broken += 1
                continue
            trace = None if plan.trace is None else Trace(plan.trace)
            picture, matte = studio.paint(photo, trace)
            write_picture(plan.picture, picture)
            if plan.matte is not None:
                write_picture(plan.matte, matte)
            if trace is not None:
                trace.finish()
    if broken:
        raise PictureError(f"{broken} of {len(plans)} photos could not be read and were left out; the others are done")
    return 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A photo, and the files and the folder that it is to give."""

    photo: Path
    picture: Path
    matte: Path | None
    trace: Path | None


def _plans(options: argparse.Namespace) -> list[Plan]:
    """What is to be done, checked before anything is painted: no file is written twice, and no photo over. Raises
    InputError.
    """
    photos = _photos(options.photos)
    several = len(photos) > 1 or is_dir(options.photos[0])
    plans = [
        Plan(
            photo,
            _target(options.output, photo, several),
            None if options.mask_out is None else _target(options.mask_out, photo, several),
            None if options.trace is None else (options.trace / photo.stem if several else options.trace),
        )
        for photo in photos
    ]
    taken = {photo.resolve() for photo in photos}
    for target in (path for plan in plans for path in (plan.picture, plan.matte) if path is not None):
        check_target(target)
        if target.resolve() in taken:
            raise InputError(f"{target} would be written over; give another -o or --mask-out, or photos of other names")
        taken.add(target.resolve())
    return plans


class Studio(ExitStack):
    """Paints photo after photo; keeps the solver's process as long as their size stays the same."""

    def __init__(self, settings: Settings, style: Style) -> None:
        super().__init__()
        self._settings, self._style = settings, style
        self._interruption = self.enter_context(Interruption())
        self._worker: SolverWorker | None = None
        self.callback(self._end_worker)

    def paint(self, photo: Picture, trace: Trace | None) -> tuple[Picture, Matte]:
        """The finished picture and the person's matte, both of the photo's size."""
        size = (photo.shape[1], photo.shape[0])
        worker = self._worker_for(size)
        settings = app.solver_settings(self._settings)
        with app.open_still_masker(self._settings, size) as masker:
            alpha = masker.mask(photo)
        kept = People(self._settings.people).keep(alpha)
        cutout = self._cut(photo, kept, aware=settings.mask_aware)
        room, known = self._room(photo, alpha, everything=not settings.mask_aware)
        shown, hidden = PaintingBar(self._interruption, trace), cutout.matte if settings.mask_aware else None
        backdrop = paint(worker, room, known, self._style, settings, shown, hidden=hidden)
        return app.open_compositor(self._settings, size).blend(photo, cutout, backdrop), cutout.matte

    def _cut(self, photo: Picture, alpha: Alpha, *, aware: bool) -> Cutout:
        """The person; unless `aware`, by the paper's matte: 255 where a pixel is rather person than not, else 0."""
        if aware:
            return app.open_refiner(self._settings, over_time=False).refine(alpha, photo)
        binary = cv2.compare(cv2.resize(alpha, photo.shape[1::-1]), 0.5, cv2.CMP_GE)
        return Cutout.plain(photo, np.asarray(binary, np.uint8))

    def _room(self, photo: Picture, alpha: Alpha, *, everything: bool) -> tuple[Picture, Matte]:
        """What is to be painted, and where it is known: the background photo, the photo with the people, or without."""
        everywhere: Matte = np.full(photo.shape[:2], 255, np.uint8)
        if self._settings.background is not None:
            return cover(read_picture(self._settings.background), *everywhere.shape[::-1]), everywhere
        if everything:
            return photo, everywhere
        plate = Plate(*everywhere.shape[::-1])
        plate.add(photo, alpha)
        return photo, plate.known

    def _worker_for(self, size: tuple[int, int]) -> SolverWorker:
        wanted = app.worker_size(size, self._settings)
        if self._worker is None or self._worker.size != wanted:
            self._end_worker()
            self._worker = app.open_worker(size, self._settings, niceness=0)
        return self._worker

    def _end_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None


def _photos(given: list[Path]) -> list[Path]:
    """The photos named, and those in the folders named, sorted. Raises InputError."""
    found: list[Path] = []
    for path in given:
        found += _photos_in(path) if is_dir(path) else [path]
    return found


def _photos_in(folder: Path) -> list[Path]:
    try:
        found = sorted(f for f in folder.iterdir() if f.suffix.lower() in SUFFIXES)
    except OSError as error:
        raise InputError(f"{folder} cannot be read: {error.strerror}; check its permissions") from error
    if not found:
        raise InputError(f"{folder} holds no photo; expected files such as .jpg or .png")
    return found


def _target(output: Path, photo: Path, several: bool) -> Path:
    """The file for a photo's result: `output` itself, or a PNG in it where it is a folder."""
    if not several and not is_dir(output) and output.suffix:
        return output
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{output} cannot be made: {error.strerror}; give a folder for several photos") from error
    return output / f"{photo.stem}.png"
