"""Writes the person mask alone, of a picture or a clip."""

import argparse
from contextlib import ExitStack
from pathlib import Path

from nbst_live import app, endpoints
from nbst_live.capture.opencv import Orientation
from nbst_live.capture.pool import PicturePool
from nbst_live.commands.progress import Interruption, bar
from nbst_live.errors import InputError, PictureError, SourceEnded, SourceStalled
from nbst_live.logs import start_log
from nbst_live.mask.people import People
from nbst_live.options import add_settings, settings_of
from nbst_live.paths import exists, why_unwritable
from nbst_live.pictures import read_picture, write_picture
from nbst_live.settings import MASKING, Settings
from nbst_live.sinks.recorder import GreyRecorder

SETTINGS = ("mirror", "rotate", *MASKING, "refine", "verbose")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `nbst-live mask`."""
    parser.add_argument("source", type=Path, metavar="INPUT", help="a photo or a clip")
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT",
        help="of a photo an 8-bit grey .png, of a clip a lossless grey .mkv (FFV1)",
    )  # fmt: skip
    add_settings(parser, SETTINGS)


def run(options: argparse.Namespace) -> int:
    """Writes the mask; returns the exit status. Raises NbstError."""
    settings = settings_of(options, SETTINGS)
    start_log(verbose=settings.verbose)
    clip = options.output.suffix.lower() == ".mkv"
    if not clip and options.output.suffix.lower() != ".png":
        raise InputError(f"got output {options.output}, expected .png for a photo's mask or .mkv for a clip's")
    if exists(options.output) and exists(options.source) and options.output.samefile(options.source):
        raise InputError(f"{options.output} is the input, which would be written over; give another -o")
    if why := why_unwritable(options.output):
        raise InputError(f"{options.output} cannot be written: {why}")
    (_mask_clip if clip else _mask_photo)(options.source, options.output, settings)
    return 0


def _mask_photo(source: Path, output: Path, settings: Settings) -> None:
    try:
        photo = read_picture(source)
    except PictureError as error:
        raise PictureError(f"{error}; of a clip the mask is a video: -o OUT.mkv") from error
    photo = Orientation(settings.mirror, settings.rotate).apply(photo, PicturePool())
    with app.open_still_masker(settings, (photo.shape[1], photo.shape[0])) as masker:
        alpha = People(settings.people).keep(masker.mask(photo))
        write_picture(output, app.open_refiner(settings, over_time=False).refine(alpha, photo).matte)


def _mask_clip(source: Path, output: Path, settings: Settings) -> None:
    with ExitStack() as opened:
        interruption = opened.enter_context(Interruption())
        clip = opened.enter_context(endpoints.open_clip(source, settings))
        info, refiner, people = clip.info, app.open_refiner(settings), People(settings.people)
        masker = opened.enter_context(app.open_still_masker(settings, (info.width, info.height)))
        # Opened only now: what went wrong before has cost no earlier file of that name.
        recorder = opened.enter_context(GreyRecorder(output, info.width, info.height, info.fps))
        shown = opened.enter_context(bar("masking", info.frames))
        while not interruption.asked:
            try:
                frame = clip.read()
            except SourceStalled:
                continue
            except SourceEnded:
                return
            alpha = people.keep(masker.mask(frame.picture))
            recorder.send(refiner.refine(alpha, frame.picture).matte, frame.time)
            shown.update()
    interruption.check()
