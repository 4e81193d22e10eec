"""The composition root: picks the implementations, opens them in order, closes them in reverse.

The only module that knows which model or process stands behind which stage; of devices and files endpoints.py does.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import cv2

from nbst_live import models
from nbst_live.backdrop.cache import BackdropCache, cache_folder
from nbst_live.backdrop.room import RoomBackdrop
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.composite import Compositor
from nbst_live.endpoints import open_preview, open_sinks, open_source, resting
from nbst_live.errors import InputError
from nbst_live.gatys.settings import SolverSettings, preset
from nbst_live.mask.ahead import AheadMasker
from nbst_live.mask.crf import CrfMasker
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.opinion import SecondOpinion
from nbst_live.mask.people import People
from nbst_live.mask.providers import has_gpu_provider
from nbst_live.mask.reviving import RevivingMasker
from nbst_live.memory import keep_freed_memory
from nbst_live.paths import is_file, typed
from nbst_live.pictures import Style, blend, open_style, read_picture
from nbst_live.pipeline import Outputs, Pipeline
from nbst_live.settings import Settings
from nbst_live.sinks.local_view import LocalView
from nbst_live.sinks.preview import PreviewSink
from nbst_live.stages import MIN_SIDE, Backdrop, Masker, Sink, Source

log = logging.getLogger(__name__)

LARGEST_ARRAY = 1 << 20
"""Bytes: at 1280x720 person-fast's planes and most lists of the edge's pixels are smaller, an encoder's pictures are
not. With four megabytes, memory grew at every new file of a recording.
"""
SWITCH_SECONDS = 0.001
"""After which a thread that comes back from a network gets its turn at the interpreter: the two halves of a frame's way
take turns many times a frame, and Python's own 5 ms are a fifth of one.
"""
SOLVER_NICENESS = 5
"""Priority of the solver beside the live loop: POSIX niceness. Alone, for stills and rendered clips, it is 0."""
LIVE_SECONDS = 60.0
"""For which a painting beside the live loop gets finer."""
MAX_THREADS = 4
FAST, FINE, FINE_INT8, KEY, EDGE = "person-fast", "person-fine", "person-fine-int8", "room-key", "edge-alpha"
SOLVING = (
    "strength", "style_scale", "keep_colors", "style_weight", "content_weight", "content_layer", "style_layers",
    "layer_weights", "steps", "learning_rate", "features", "seed",
)  # fmt: skip
"""The settings that are the optimiser's own, by the same names; None leaves it its own value."""


class Cutting(NamedTuple):
    """What makes a person cut out of a mask network's alpha."""

    key: DifferenceKey
    refiner: MatteRefiner


@dataclass(slots=True)
class Live:
    """Everything of a live run, open."""

    source: Source
    masker: Masker
    pipeline: Pipeline
    backdrop: RoomBackdrop
    worker: SolverWorker
    outputs: Outputs
    styles: list[Style]
    preview: PreviewSink | None
    view: LocalView | None


@contextmanager
def open_live(
    settings: Settings,
    *,
    extra_sinks: tuple[Sink, ...] = (),
    source: Source | None = None,
    cache: BackdropCache | None = None,
) -> Iterator[Live]:
    """Opens a live run: source, mask, backdrop with its solver, sinks. Raises NbstError when one of them cannot be had.
    The process is the run's own: its memory, its threads' turns and OpenCV's threads are set for it.

    `source` and `cache`, when given, stand in for the source that the settings name and for the user's cache.
    """
    keep_freed_memory(LARGEST_ARRAY)
    cv2.setNumThreads(live_threads(settings))
    sys.setswitchinterval(SWITCH_SECONDS)
    styles = open_styles(settings)
    photo = None if settings.background is None else read_picture(settings.background)
    with ExitStack() as opened:
        source = opened.enter_context(source or open_source(settings, realtime=True))
        size = (source.info.width, source.info.height)
        # The solver's process loads torch, its slowest part, while the rest is being opened.
        worker = opened.enter_context(open_worker(size, settings, niceness=SOLVER_NICENESS))
        opinion = opened.enter_context(SecondOpinion())
        masker = opened.enter_context(open_live_masker(settings, size, opinion))
        cutting = open_cutting(settings)
        backdrop = RoomBackdrop(
            styles[0], size, solver_settings(settings, beside_live=True), worker,
            cache or BackdropCache(cache_folder()), photo=photo, refresh=settings.refresh,
        )  # fmt: skip
        opened.enter_context(backdrop)
        outputs = opened.enter_context(Outputs([*extra_sinks, *open_sinks(settings, source)]))
        pipeline = open_pipeline(settings, masker, cutting, backdrop, size, opinion)
        preview, view = open_preview(settings, pipeline)
        if view is not None:
            outputs.sinks.append(view)
        if not outputs.sinks:
            raise InputError("no output is left: use --preview, --record OUT.mp4 or a virtual camera")
        if settings.rest:
            source = resting(source, outputs)
        yield Live(source, masker, pipeline, backdrop, worker, outputs, styles, preview, view)


def open_styles(settings: Settings) -> list[Style]:
    """All styles that were named, so that a wrong one is an error at once; mixed into one if so asked. Raises
    PictureError.
    """
    styles = [open_style(name) for name in settings.style]
    return styles if settings.style_mix is None else [blend(styles, settings.style_mix)]


def open_one_style(settings: Settings) -> Style:
    """The style of what is painted once; the others, unless mixed, are left out with a warning. Raises PictureError."""
    first, *others = open_styles(settings)
    if others:
        log.warning(
            "got %d styles, only %s is painted in; --style-mix W:W paints in all at once", 1 + len(others), first.name
        )
    return first


def open_masker(settings: Settings, size: tuple[int, int], *, live: bool) -> OnnxMasker:
    """The mask for frames of (width, height). Raises ModelError and ProviderError.

    Unless a model is named it is the fine one, but the fast one where a CPU must keep up with a camera.
    """
    if settings.mask_model != "auto":
        path = typed(settings.mask_model)
        custom = path.suffix.lower() == ".onnx" or is_file(path)
        return _masker(models.custom(path) if custom else models.find(settings.mask_model), size, settings)
    if not live:
        return _masker(models.find(FINE), size, settings)
    if settings.provider != "cpu" and has_gpu_provider():
        masker = _masker(models.find(FINE), size, settings)
        if masker.provider != "cpu":
            return masker
        masker.close()
    return _masker(models.find(FAST), size, settings)


def _masker(record: models.ModelRecord, size: tuple[int, int], settings: Settings) -> OnnxMasker:
    masker = OnnxMasker(record, size, provider=settings.provider, threads=live_threads(settings))
    for line in masker.refused:
        log.warning("mask: %s", line)
    log.info("mask: %s on %s, %d threads", masker.name, masker.provider, live_threads(settings))
    return masker


def open_live_masker(settings: Settings, size: tuple[int, int], opinion: SecondOpinion) -> Masker:
    """The mask for live frames of (width, height), as late as `--latency` allows. Where it is the fast one, also when
    it had to be opened again, `opinion` is given the fine one, in 8 bits, to ask. Raises as `open_masker`.
    """

    def reopen(on_cpu: bool) -> Masker:
        chosen = replace(settings, provider="cpu") if on_cpu else settings
        masker = open_masker(chosen, size, live=True)
        opinion.ask(_masker(models.find(FINE_INT8), size, chosen) if masker.name == FAST else None)
        return masker

    masker = RevivingMasker(reopen(on_cpu=False), reopen)
    return AheadMasker(masker) if settings.latency == "low" else masker


def open_still_masker(settings: Settings, size: tuple[int, int]) -> Masker:
    """The mask for stills and for clips that are rendered, refined as `--refine` says. Sets OpenCV's threads, as
    `open_live` does. Raises as `open_masker`.
    """
    cv2.setNumThreads(live_threads(settings))
    masker = open_masker(settings, size, live=False)
    return CrfMasker(masker) if settings.refine == "crf" else masker


def open_cutting(settings: Settings) -> Cutting:
    """What cuts people out, for the frames of one stream. Raises ModelError."""
    return Cutting(open_key(settings), open_refiner(settings))


def open_key(settings: Settings) -> DifferenceKey:
    """What corrects alpha by the known room, for the frames of one stream. Raises ModelError."""
    return DifferenceKey(models.find(KEY), threads=live_threads(settings))


def open_refiner(settings: Settings, *, over_time: bool = True) -> MatteRefiner:
    """The person's edge, `over_time` for the frames of one stream. Raises ModelError."""
    return MatteRefiner(EdgeSolver(models.find(EDGE), threads=live_threads(settings)), over_time=over_time)


def open_pipeline(
    settings: Settings,
    masker: Masker,
    cutting: Cutting,
    backdrop: Backdrop,
    size: tuple[int, int],
    opinion: SecondOpinion | None = None,
) -> Pipeline:
    """The way of frames of (width, height) with these stages."""
    people, compositor = People(settings.people), open_compositor(settings, size)
    return Pipeline(masker, cutting.refiner, backdrop, size, people, compositor, cutting.key, opinion)


def open_compositor(settings: Settings, size: tuple[int, int]) -> Compositor:
    """The compositor of pictures of (width, height)."""
    return Compositor(*size, light_wrap=settings.light_wrap, harmonize=settings.harmonize)


def open_worker(size: tuple[int, int], settings: Settings, *, niceness: int) -> SolverWorker:
    """The solver's process for frames of (width, height)."""
    return SolverWorker(*worker_size(size, settings), niceness=niceness)


def worker_size(size: tuple[int, int], settings: Settings) -> tuple[int, int]:
    """The (width, height) at which frames of (width, height) are painted."""
    scale = min(1.0, solver_settings(settings).size / max(size))
    return max(MIN_SIDE, round(size[0] * scale)), max(MIN_SIDE, round(size[1] * scale))


def solver_settings(settings: Settings, *, beside_live: bool = False) -> SolverSettings:
    """What the user asked of the optimiser, over the preset, over its own defaults. Raises SettingError.

    Beside a live loop it gets half of the cores, for its threads would only wait for one another; alone all of them.
    And nobody watches a picture become finer for ever: unless the steps are asked for, it is over after `LIVE_SECONDS`.
    """
    asked: dict[str, Any] = {name: value for name in SOLVING if (value := getattr(settings, name)) is not None}
    if settings.style_layers is not None:
        asked.setdefault("layer_weights", (1.0,) * len(settings.style_layers))
    cores = os.cpu_count() or 1
    threads = max(1, cores // 2) if beside_live else cores
    asked |= {"device": settings.solver_device, "threads": threads}
    if beside_live and settings.steps is None:
        asked["seconds"] = LIVE_SECONDS
    return SolverSettings(**preset(settings.preset) | asked)


def live_threads(settings: Settings) -> int:
    """Threads of the mask and of OpenCV, half of the cores each: they work at the same time (masked.py)."""
    return settings.threads or min(MAX_THREADS, max(1, (os.cpu_count() or 1) // 2))
