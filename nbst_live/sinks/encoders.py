"""Which H.264 encoder writes a recording: the graphics card's where it really works, x264 otherwise."""

import logging
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.codec import codecs_available
from av.video.codeccontext import VideoCodecContext

from nbst_live.errors import SinkError

log = logging.getLogger(__name__)

HARDWARE = {
    "nvenc": "h264_nvenc",
    "qsv": "h264_qsv",
    "videotoolbox": "h264_videotoolbox",
    "amf": "h264_amf",
    "mf": "h264_mf",
}
"""Names of `--encoder` and FFmpeg's own in the order of trial: NVIDIA, Intel, Apple, AMD, any on Windows."""

BITS_PER_PIXEL = 0.15
"""Rate of a hardware encoder, whose own quality scales cannot be compared: 4 Mbit/s at 1280x720 and 30 a second."""

TRIAL_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Encoder:
    """An encoder by FFmpeg's name, the layout it takes its pictures in, its options, and its bits per second (None:
    what its options make of it).
    """

    codec: str
    layout: str = "yuv420p"
    options: dict[str, str] = field(default_factory=dict)
    bit_rate: int | None = None


def choose(asked: str, size: tuple[int, int], fps: float, *, live: bool, quality: int) -> Encoder:
    """The encoder `asked` for, for pictures of (width, height); `auto` is, live, the first of HARDWARE that works.

    A clip that is rendered is always x264's unless another is named: it has time, and the same seed should give the
    same file. `quality` is x264's CRF, 0 (no loss) to 51. Raises SinkError when one that is named does not work.
    """
    for name in HARDWARE if asked == "auto" and live else [asked] if asked in HARDWARE else []:
        try:
            encoder = _tried(HARDWARE[name], size, fps)
        except SinkError as error:
            if asked != "auto":
                raise
            log.debug("%s", error)
        else:
            log.info("recording: encoded by %s", encoder.codec)
            return encoder
    return Encoder("libx264", options={"preset": "veryfast" if live else "medium", "crf": str(quality)})


def _tried(codec: str, size: tuple[int, int], fps: float) -> Encoder:
    """A hardware encoder that has just encoded some pictures of that size. Raises SinkError."""
    remedy = "leave out --encoder, or name another one"
    if codec not in codecs_available:
        raise SinkError(f"encoder {codec} is not in this build of FFmpeg; {remedy}")
    try:
        formats = [known.name for known in av.Codec(codec, "w").video_formats or []]
        layout = "yuv420p" if "yuv420p" in formats else "nv12"
        encoder = Encoder(codec, layout, bit_rate=round(size[0] * size[1] * fps * BITS_PER_PIXEL))
        if not _encodes(encoder, size, fps):
            raise SinkError(f"encoder {codec} opens but gives no picture; {remedy}")
    except (OSError, ValueError, av.FFmpegError) as error:
        raise SinkError(f"encoder {codec} does not work here ({error}); {remedy}") from error
    return encoder


def _encodes(encoder: Encoder, size: tuple[int, int], fps: float) -> bool:
    context = av.CodecContext.create(encoder.codec, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = *size, encoder.layout
    context.framerate = Fraction(fps).limit_denominator(1001)
    context.time_base = 1 / context.framerate
    context.bit_rate = encoder.bit_rate or 0
    packets = []
    for number in range(TRIAL_FRAMES):
        frame = av.VideoFrame(*size, encoder.layout)
        frame.pts = number
        packets += context.encode(frame)
    return bool([*packets, *context.encode(None)])
