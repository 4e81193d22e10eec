"""The two ends of the way: which device or file stands behind its source and its sinks."""

import logging
from contextlib import ExitStack
from pathlib import Path

from nbst_live.capture.camera import CameraSource
from nbst_live.capture.clip import ClipSource
from nbst_live.capture.rest import RestingSource
from nbst_live.controls import help_lines
from nbst_live.errors import InputError, SinkError, SourceError
from nbst_live.paths import exists, is_file, typed
from nbst_live.pipeline import Outputs, Pipeline
from nbst_live.settings import Settings
from nbst_live.sinks.local_view import LocalView
from nbst_live.sinks.loopback import is_loopback
from nbst_live.sinks.microphone import Microphone
from nbst_live.sinks.preview import PreviewSink
from nbst_live.sinks.readers import Readers
from nbst_live.sinks.recorder import How, Recorder, encoder_for
from nbst_live.sinks.virtual_camera import VirtualCameraSink
from nbst_live.stages import Sink, Source, SourceInfo

log = logging.getLogger(__name__)


def open_source(settings: Settings, *, realtime: bool) -> Source:
    """The clip or camera that `--input` names; `realtime` plays a clip at its own rate. Raises SourceError."""
    path = typed(settings.input)
    if is_clip(settings):
        return open_clip(path, settings, realtime=realtime)
    if not settings.input.isdecimal() and exists(path) and (path.is_dir() or path.is_fifo()):
        raise SourceError(f"--input {settings.input!r} is a folder or a pipe; expected a clip or a camera")
    return CameraSource(
        settings.input,
        size=settings.size,
        fps=settings.fps,
        mirror=settings.mirror,
        rotate=settings.rotate,
        lock=settings.lock,
    )


def open_clip(path: Path, settings: Settings, *, realtime: bool = False) -> ClipSource:
    """A clip, turned as the settings say. Raises SourceError."""
    return ClipSource(path, mirror=settings.mirror, rotate=settings.rotate, realtime=realtime)


def is_clip(settings: Settings) -> bool:
    """Whether `--input` is a file, rather than a camera; a number is a camera's also where a file is called so."""
    return not settings.input.isdecimal() and is_file(typed(settings.input))


def open_recorder(settings: Settings, path: Path, source: Source, *, live: bool, sound: bool = True) -> Recorder:
    """A recording of this source's pictures; with `sound`, a clip's own comes along, and beside a camera the microphone
    that the settings name does. Raises SinkError and InputError.
    """
    info, how = source.info, _how(settings, source.info)
    audio = typed(settings.input) if sound and is_clip(settings) else None
    with ExitStack() as opened:
        microphone = opened.enter_context(Microphone(settings.audio, info.began)) if settings.audio else None
        recorder = Recorder(
            path, info.width, info.height, info.fps, live=live, audio_from=audio, microphone=microphone, how=how
        )
        opened.pop_all()
    return recorder


def check_rendering(settings: Settings, info: SourceInfo) -> None:
    """Raises what `open_recorder` would for a clip, and changes nothing: to be asked before the room is painted."""
    if settings.record is not None:
        how, clip = _how(settings, info), typed(settings.input)
        encoder_for(settings.record, info.width, info.height, info.fps, live=False, clip=clip, how=how)


def _how(settings: Settings, info: SourceInfo) -> How:
    if settings.audio is not None and not info.live:
        raise InputError("--audio records a microphone beside a camera; a clip's own sound is carried over without it")
    return How(encoder=settings.encoder, times=settings.record_times, split=settings.record_split)


def open_sinks(settings: Settings, source: Source) -> list[Sink]:
    """Opens, for a live run, what the settings name but the preview. No virtual camera is an error only where it would
    be the only sink. Raises SinkError.
    """
    sinks = list[Sink]()
    with ExitStack() as opened:
        if settings.record is not None:
            sinks.append(opened.enter_context(open_recorder(settings, settings.record, source, live=True)))
        if not settings.no_virtual_camera:
            try:
                sinks.append(opened.enter_context(open_virtual_camera(settings, source.info)))
            except SinkError as error:
                if settings.virtual_camera is not None or not (sinks or settings.preview):
                    raise
                log.warning("no virtual camera: %s", error)
        opened.pop_all()
    return sinks


def open_virtual_camera(settings: Settings, info: SourceInfo) -> VirtualCameraSink:
    """The virtual camera that the settings name, or the first there is. Raises SinkError."""
    camera = VirtualCameraSink(*virtual_format(settings, info), settings.virtual_camera)
    if camera.hidden is not None:
        log.warning("%s", camera.hidden)
    return camera


def virtual_format(settings: Settings, info: SourceInfo) -> tuple[int, int, float]:
    """Width, height and frames per second of the virtual camera: a clip's own; with a camera those that were asked for,
    whatever it gives, so that programs find the same camera every day.
    """
    if not info.live:
        return info.width, info.height, info.fps
    width, height = settings.size if settings.rotate in (0, 180) else settings.size[::-1]
    return width, height, settings.fps


def open_preview(settings: Settings, pipeline: Pipeline) -> tuple[PreviewSink, LocalView] | tuple[None, None]:
    """The preview's window, if it is asked for, and the sink that shows in it what the user alone is to see."""
    if not settings.preview:
        return None, None
    window = PreviewSink("nbst-live")
    return window, LocalView(window, lambda: pipeline.matte, help_lines())


def resting(source: Source, outputs: Outputs) -> Source:
    """The camera, asleep while nobody watches. Raises InputError where readers cannot be counted."""
    camera = next((sink for sink in outputs.sinks if isinstance(sink, VirtualCameraSink)), None)
    if not isinstance(source, CameraSource) or camera is None or not is_loopback(camera.device):
        raise InputError(
            "--rest needs a camera as --input and a v4l2loopback virtual camera (Linux), whose readers can be counted; "
            "leave --rest away"
        )
    readers = Readers(camera.device)
    return RestingSource(source, lambda: watched_by_others(outputs, camera) or readers.any())


def watched_by_others(outputs: Outputs, camera: Sink) -> bool:
    """Whether pictures go elsewhere too: who records or looks at the preview watches as well."""
    return any(sink is not camera for sink in outputs.sinks)
