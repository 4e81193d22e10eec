"""A clip rendered to a file: the whole clip is looked at first, then the room is painted, then every frame is
processed.
"""

import logging
from contextlib import ExitStack, suppress

import numpy as np

from nbst_live import app, endpoints
from nbst_live.backdrop.plate import Plate
from nbst_live.backdrop.still import StillBackdrop, paint
from nbst_live.commands.progress import Interruption, PaintingBar, bar
from nbst_live.errors import MaskError, SourceEnded, SourceStalled
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.seen import Sight
from nbst_live.pictures import cover, read_picture
from nbst_live.pipeline import Outputs
from nbst_live.pipeline import run as run_pipeline
from nbst_live.report import render_report, write_report
from nbst_live.settings import Settings
from nbst_live.stages import Masker, Matte, Room, Source

log = logging.getLogger(__name__)

PLATE_FRAMES = 150
"""Frames of a clip, evenly spread, that the plate is gathered from."""


def run(settings: Settings) -> int:
    """Renders `--input` to `--record`; returns the exit status. The same seed gives the same pictures. Raises
    NbstError, and KeyboardInterrupt when asked to end; what was rendered by then is a whole file.
    """
    if settings.preview:
        log.warning("no preview while a clip is rendered to a file; leave out --record to watch it")
    with ExitStack() as opened:
        interruption = opened.enter_context(Interruption())
        source = opened.enter_context(endpoints.open_source(settings, realtime=False))
        size = (source.info.width, source.info.height)
        masker = opened.enter_context(app.open_still_masker(settings, size))
        endpoints.check_rendering(settings, source.info)
        outputs = opened.enter_context(Outputs([]))
        if settings.virtual_camera is not None and not settings.no_virtual_camera:
            outputs.sinks.append(endpoints.open_virtual_camera(settings, source.info))
        cutting, painting = app.open_cutting(settings), PaintingBar(interruption)
        backdrop = _painted_room(settings, masker, size, painting)
        # Opened only now: what went wrong before has cost no earlier recording of that name.
        if settings.record is not None:
            outputs.sinks.append(endpoints.open_recorder(settings, settings.record, source, live=False))
        pipeline = app.open_pipeline(settings, masker, cutting, backdrop, size)
        with bar("rendering", source.info.frames) as shown:

            def tick() -> bool:
                shown.update(pipeline.counts.frames_out - shown.n)
                return not interruption.asked

            run_pipeline(source, pipeline, outputs, tick)
        outputs.close()
        if settings.report is not None:
            write_report(settings.report, render_report(source, masker, pipeline, painting.steps, painting.seconds))
        interruption.check()
    return 0


def _painted_room(settings: Settings, masker: Masker, size: tuple[int, int], painting: PaintingBar) -> StillBackdrop:
    """The finished backdrop of a clip, or of `--background`, at the clip's size."""
    style, how = app.open_one_style(settings), app.solver_settings(settings)
    seen: Room | None = None
    with app.open_worker(size, settings, niceness=0) as worker:
        known: Matte = np.full(size[::-1], 255, np.uint8)
        if settings.background is not None:
            room = cover(read_picture(settings.background), *size)
        else:
            with endpoints.open_source(settings, realtime=False) as source:
                if how.mask_aware:
                    seen = _gather(source, masker, app.open_key(settings), size, painting.interruption).room()
                    room, known = seen.picture, seen.known
                else:
                    room = source.read().picture
        private = settings.background is None
        return StillBackdrop(paint(worker, room, known, style, how, painting, private=private), seen)


def _gather(
    source: Source, masker: Masker, key: DifferenceKey, size: tuple[int, int], interruption: Interruption
) -> Plate:
    """The plate of a whole clip."""
    plate, sight = Plate(*size), Sight(over_time=False)
    every = max(1, (source.info.frames or 0) // PLATE_FRAMES)
    with bar("looking at the room", source.info.frames) as shown:
        while True:
            interruption.check()
            try:
                frame = source.read()
            except SourceStalled:
                continue
            except SourceEnded:
                return plate
            shown.update()
            if frame.index % every:
                continue
            with suppress(MaskError):
                seen = sight.of(frame.picture, *masker.size)
                alpha = masker.mask(seen.small)
                plate.learn(frame.picture, alpha, key.correct(alpha, seen, plate.room()))
