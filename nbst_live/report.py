"""The figures of a run, for `--report` and `nbst-live bench`."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from nbst_live.app import Live
from nbst_live.errors import InputError
from nbst_live.paths import why_unwritable
from nbst_live.pipeline import Pipeline
from nbst_live.sinks.recorder import Recorder
from nbst_live.sinks.virtual_camera import VirtualCameraSink
from nbst_live.stages import Masker, Sink, Source
from nbst_live.timing import percentiles
from nbst_live.version import __version__

MEGA = 1e6


def process_start() -> float:
    """When this process was started, on the clock of `time.monotonic()`."""
    return time.monotonic() - (time.time() - psutil.Process().create_time())


def since_start(moment: float | None) -> float | None:
    """Seconds from the process's start to a moment of `time.monotonic()`."""
    return None if moment is None else round(moment - process_start(), 3)


def pipeline_figures(pipeline: Pipeline, dropped: int) -> dict[str, Any]:
    """Frames, rate, latency and stages of a pipeline."""
    counts = pipeline.counts
    stages = pipeline.timer.summary()
    stages.pop("latency", None)
    return {
        "frames": {
            "in": counts.frames_in, "out": counts.frames_out, "dropped": dropped,
            "with_person": counts.with_person, "mask_failures": counts.mask_failures,
        },
        "fps": round(counts.rate, 2),
        "latency_ms": percentiles(pipeline.timer.stages["latency"]),
        "stages": stages,
        "first_private_frame_s": since_start(counts.first_out),
    }  # fmt: skip


def live_report(live: Live, ended: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Everything `--report` says of a live run; `ended` are the figures of recordings that are no more among its
    outputs.
    """
    state = live.backdrop.state
    return {
        **_run_figures(live.source, live.masker, live.pipeline),
        "solver": {
            "steps": state.steps_done, "seconds": round(state.seconds, 2), "solves": state.solves,
            "failures": state.failures, "pace": round(state.pace, 3),
        },
        "first_painted_frame_s": since_start(live.backdrop.painted_at),
        **output_figures(live.outputs.sinks, ended),
    }  # fmt: skip


def output_figures(sinks: Sequence[Sink], ended: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """What was shown again and what was left out by the outputs, and by the recordings that have `ended`."""
    cameras = [sink for sink in sinks if isinstance(sink, VirtualCameraSink)]
    return {
        "virtual_cameras": [{"name": camera.name, "repeated": camera.repeated} for camera in cameras],
        "recordings": [*ended, *(recording_figures(sink) for sink in sinks if isinstance(sink, Recorder))],
    }


def recording_figures(recorder: Recorder) -> dict[str, Any]:
    """Name and dropped pictures of a recording."""
    return {"name": recorder.name, "dropped": recorder.dropped}


def render_report(source: Source, masker: Masker, pipeline: Pipeline, steps: int, seconds: float) -> dict[str, Any]:
    """Everything `--report` says of a rendered clip, whose room took the solver so many steps and seconds."""
    return {
        **_run_figures(source, masker, pipeline),
        "solver": {"steps": steps, "seconds": round(seconds, 2), "solves": 1, "failures": 0},
    }


def _run_figures(source: Source, masker: Masker, pipeline: Pipeline) -> dict[str, Any]:
    info = source.info
    return {
        "version": __version__,
        "source": {
            "name": info.name,
            "width": info.width,
            "height": info.height,
            "fps": info.fps,
            "detail": info.detail,
        },
        **pipeline_figures(pipeline, source.dropped),
        "provider": masker.provider,
    }


def memory_mb(pid: int | None = None) -> float | None:
    """Resident memory of a process in megabytes, this one's by default; None when it has ended."""
    try:
        return round(psutil.Process(pid).memory_info().rss / MEGA, 1)
    except psutil.NoSuchProcess:
        return None


def check_report(path: Path | None) -> None:
    """Raises InputError where a report is asked for that could not be written; changes nothing."""
    if path is not None and (why := why_unwritable(path)):
        raise InputError(f"{path} cannot be written: {why}")


def write_report(path: Path, figures: dict[str, Any]) -> None:
    """Writes figures as JSON. Raises InputError."""
    try:
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}; choose another place for the report") from error
