"""Measures speed and latency on this machine: a moving person, decoded from MJPG, masked, matted, blended, made I420.

A fresh process runs the live way as `nbst-live` does, with a cold cache: as fast as it goes, first while the solver
paints, then with the solver idle; and then, the solver painting anew, at a camera's rate. The solver's own speed is
measured alone, on the same painting.
"""

import argparse
import multiprocessing
import os
import platform
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from nbst_live import app, pipeline
from nbst_live.backdrop.cache import BackdropCache
from nbst_live.backdrop.job import Progress
from nbst_live.backdrop.still import paint
from nbst_live.capture.jpegs import JpegSource
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.commands.progress import bar
from nbst_live.errors import NbstError, SolverError
from nbst_live.logs import start_log
from nbst_live.models import builtin_styles
from nbst_live.options import add_settings, settings_of
from nbst_live.pipeline import Counts
from nbst_live.report import check_report, memory_mb, process_start, write_report
from nbst_live.settings import Settings
from nbst_live.sinks.i420 import Planes, planes_for, to_i420
from nbst_live.sinks.null import NullSink
from nbst_live.stages import Picture
from nbst_live.timing import percentiles

SETTINGS = (
    "style",
    "size",
    "strength",
    "steps",
    "threads",
    "mask_model",
    "provider",
    "latency",
    "solver_device",
    "verbose",
)
CLIP_FRAMES = 60
JPEG_QUALITY = 90
IDLE_FRAMES = 400
SETTLE_FRAMES = 60
SOLVE_STEPS = 90
"""A shorter solve than the default's, with all of its scales: the share of time it gets is the same."""
PATIENCE_SECONDS = 300.0
COPIES = 200


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `nbst-live bench`."""
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures to this file too")
    add_settings(parser, SETTINGS)


def run(options: argparse.Namespace) -> int:
    """Measures and prints; returns the exit status. Raises NbstError."""
    settings = settings_of(options, SETTINGS)
    start_log(verbose=settings.verbose)
    check_report(options.json)
    settings = replace(
        settings, style=settings.style or (next(iter(builtin_styles())),), steps=settings.steps or SOLVE_STEPS,
        no_virtual_camera=True, refresh=0.0,
    )  # fmt: skip
    app.open_styles(settings)
    figures = _in_fresh_process(settings, _draw_jpegs(*settings.size))
    print(_table(figures))
    if options.json is not None:
        write_report(options.json, figures)
    return 0


class I420Sink(NullSink):
    """Does what a virtual camera's sink does up to the device."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        self._planes: Planes = planes_for(width, height)

    def send(self, picture: Picture, time: float) -> None:
        """Converts the picture, and counts it."""
        to_i420(picture, self._planes)
        super().send(picture, time)


def measure(settings: Settings, jpegs: list[bytes], folder: Path) -> dict[str, Any]:
    """The figures of live runs in this process, the cache in that empty folder."""
    source = JpegSource(jpegs, settings.fps)
    with _live(settings, source, folder / "fast") as live:
        solver = live.backdrop.state
        start = process_start()
        solving = _phase(live, lambda: solver.solves == 0)
        private = live.pipeline.counts.first_out
        memory = {"live": memory_mb(), "solver": memory_mb(live.worker.pid)}
        beside = solver.seconds
        _phase(live, lambda: live.pipeline.counts.frames_out < SETTLE_FRAMES or solver.busy)
        idle = _phase(live, lambda: live.pipeline.counts.frames_out < IDLE_FRAMES and not solver.busy)
        stages = {name: value for name, value in live.pipeline.timer.summary().items() if name != "latency"}
        frame = source.read().picture
        painted = live.backdrop.painted_at
    camera, beside_camera = _beside_camera(settings, jpegs, folder / "camera")
    alone = _solo_seconds(settings, frame)
    solving["steps_share"], camera["steps_share"] = (round(alone / seconds, 3) for seconds in (beside, beside_camera))
    return {
        "size": [source.info.width, source.info.height], "cores": os.cpu_count(),
        "machine": platform.processor() or platform.machine(),
        "idle": idle, "solving": solving, "camera": camera, "stages": stages, "copy_ms": _copy_ms(frame),
        "first_private_frame_s": round(private - start, 3) if private else None,
        "first_painted_frame_s": round(painted - start, 3) if painted else None,
        "rss_mb": memory,
    }  # fmt: skip


def _beside_camera(settings: Settings, jpegs: list[bytes], cache: Path) -> tuple[dict[str, Any], float]:
    """The live way's figures at a camera's rate while the solver paints, and the seconds that it then needs."""
    source = JpegSource(jpegs, settings.fps, live=True)
    with _live(settings, source, cache) as live:
        solver, missed = live.backdrop.state, source.dropped
        found = _phase(live, lambda: solver.solves == 0)
        frames = live.pipeline.counts.frames_in
        found |= {"camera_fps": settings.fps, "frames": frames, "dropped": source.dropped - missed}
        return found, solver.seconds


def _live(settings: Settings, source: JpegSource, cache: Path) -> AbstractContextManager[app.Live]:
    sink = I420Sink(source.info.width, source.info.height)
    return app.open_live(settings, extra_sinks=(sink,), source=source, cache=BackdropCache(cache))


def _phase(live: app.Live, goes_on: Callable[[], bool]) -> dict[str, Any]:
    """Runs the live way, as fast as it and its source go, while `goes_on`; its rate and latency. Raises SolverError
    when it takes too long.
    """
    way = live.pipeline
    way.counts = Counts()
    way.timer.clear()
    deadline = time.monotonic() + PATIENCE_SECONDS
    pipeline.run(live.source, way, live.outputs, lambda: goes_on() and time.monotonic() < deadline)
    if time.monotonic() >= deadline:
        raise SolverError(
            f"no end after {PATIENCE_SECONDS:.0f} s: {live.backdrop.state.trouble or 'the machine is too slow'}"
        )
    return {"fps": round(way.counts.rate, 2), "latency_ms": percentiles(way.timer.stages["latency"])}


def _solo_seconds(settings: Settings, room: Picture) -> float:
    """How long the solver, set up as beside the live way, takes for the same work when nothing runs beside it."""
    seconds = 0.0

    def note(progress: Progress, _picture: Picture | None) -> None:
        nonlocal seconds
        seconds = progress.seconds

    size = (room.shape[1], room.shape[0])
    known = np.full(room.shape[:2], 255, np.uint8)
    with app.open_worker(size, settings, niceness=app.SOLVER_NICENESS) as worker:
        beside_live = app.solver_settings(settings, beside_live=True)
        paint(worker, room, known, app.open_styles(settings)[0], beside_live, note)
    return seconds


def _copy_ms(frame: Picture) -> float:
    """The median time of copying one frame: a measure of the machine to hold the stages against."""
    target, seconds = np.empty_like(frame), []
    for _ in range(COPIES):
        start = time.perf_counter()
        np.copyto(target, frame)
        seconds.append(time.perf_counter() - start)
    return percentiles(seconds)["p50"]


def _draw_jpegs(width: int, height: int) -> list[bytes]:
    scene, quality = SyntheticClip(width, height, CLIP_FRAMES), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    with bar("drawing the clip", CLIP_FRAMES) as shown:
        jpegs = []
        for index in range(CLIP_FRAMES):
            jpegs.append(cv2.imencode(".jpg", scene.frame(index), quality)[1].tobytes())
            shown.update()
    return jpegs


def _in_fresh_process(settings: Settings, jpegs: list[bytes]) -> dict[str, Any]:
    """What `measure` says in a process that has done nothing else. Raises NbstError."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    with tempfile.TemporaryDirectory() as cache:
        process = context.Process(target=_child, args=(theirs, settings, jpegs, Path(cache)))
        process.start()
        theirs.close()
        try:
            result = ours.recv()
        except EOFError:
            process.join()
            raise NbstError(f"the measuring process ended with status {process.exitcode}; see the log file") from None
        finally:
            process.join()
    if isinstance(result, str):
        raise NbstError(result)
    return dict(result)


def _child(connection: Connection, settings: Settings, jpegs: list[bytes], cache: Path) -> None:
    start_log(verbose=settings.verbose)
    try:
        connection.send(measure(settings, jpegs, cache))
    except NbstError as error:
        connection.send(str(error))


def _table(figures: dict[str, Any]) -> str:
    width, height = figures["size"]
    rows = [f"{width}x{height}, {figures['cores']} cores"]
    camera = figures["camera"]
    phases = {"solver idle": figures["idle"], "solver solving": figures["solving"], "camera, solving": camera}
    for name, part in phases.items():
        latency = part["latency_ms"]
        rows.append(
            f"{name:15} {part['fps']:7.1f} frames/s   latency {latency['p50']:.1f} ms "
            f"(95 %: {latency['p95']:.1f}, 99 %: {latency['p99']:.1f})"
        )
    rows.append(
        f"solver's share of its own speed: {figures['solving']['steps_share']:.2f} beside the live way at its fastest, "
        f"{camera['steps_share']:.2f} beside a camera of {camera['camera_fps']:.0f} frames/s "
        f"({camera['dropped']} of {camera['frames'] + camera['dropped']} frames dropped)"
    )
    rows += [f"  {name:10} {t['p50_ms']:7.2f} ms   95 %: {t['p95_ms']:.2f}" for name, t in figures["stages"].items()]
    rows.append(f"  one copy   {figures['copy_ms']:7.2f} ms")
    rows.append(
        f"first private frame {figures['first_private_frame_s']} s, first painted {figures['first_painted_frame_s']} s"
    )
    rows.append(f"memory: live {figures['rss_mb']['live']} MB, solver {figures['rss_mb']['solver']} MB")
    return "\n".join(rows)
