"""Shows the whole thing with no camera and no file: a moving person in a drawn room, and what becomes of it."""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from nbst_live.capture.clip import ClipSource
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.commands import render
from nbst_live.commands.progress import bar
from nbst_live.errors import InputError
from nbst_live.logs import start_log
from nbst_live.models import builtin_styles
from nbst_live.options import add_settings, settings_of
from nbst_live.paths import is_dir
from nbst_live.pictures import write_picture
from nbst_live.report import check_report
from nbst_live.settings import JOINING, MASKING, PAINTING
from nbst_live.sinks.recorder import Recorder
from nbst_live.stages import Picture

SETTINGS = (*PAINTING, *MASKING, *JOINING, "refine", "report", "verbose")
WIDTH, HEIGHT, FRAMES, FPS = 1280, 720, 150, 30.0


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `nbst-live demo`."""
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        default=Path(),
        metavar="DIR",
        help="where demo.mp4 and demo.png go (default: here)",
    )
    add_settings(parser, SETTINGS)


def run(options: argparse.Namespace) -> int:
    """Renders the demo; returns the exit status. Raises NbstError."""
    settings = settings_of(options, SETTINGS)
    start_log(verbose=settings.verbose)
    check_report(settings.report)
    folder: Path = options.output
    if not is_dir(folder):
        raise InputError(f"{folder} is not a folder; give one that exists for the demo's files")
    video, comparison = folder / "demo.mp4", folder / "demo.png"
    style = settings.style or (next(iter(builtin_styles())),)
    with tempfile.TemporaryDirectory() as scratch:
        clip = Path(scratch) / "clip.mkv"
        _write_clip(clip)
        render.run(replace(settings, style=style, input=str(clip), record=video))
        write_picture(comparison, _side_by_side(_middle_frame(clip), _middle_frame(video)))
    print(f"{video.resolve()}: {FRAMES} frames, the person live over the room painted as {style[0]!r}")
    print(f"{comparison.resolve()}: before and after")
    return 0


def _write_clip(path: Path) -> None:
    scene = SyntheticClip(WIDTH, HEIGHT, FRAMES, FPS)
    with Recorder(path, WIDTH, HEIGHT, FPS, live=False) as recorder, bar("drawing the clip", FRAMES) as shown:
        for index in range(FRAMES):
            recorder.send(scene.frame(index), index / FPS)
            shown.update()


def _middle_frame(path: Path) -> Picture:
    with ClipSource(path) as clip:
        for _ in range(FRAMES // 2):
            clip.read()
        return clip.read().picture


def _side_by_side(before: Picture, after: Picture) -> Picture:
    gap = np.full((HEIGHT, 8, 3), 255, np.uint8)
    return cv2.hconcat([before, gap, after])
