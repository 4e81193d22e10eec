"""Small clips and recordings that several test modules make and look at."""

import os
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from nbst_live.stages import Picture

WIDTH, HEIGHT = 64, 48
EVEN = tuple(n / 25 for n in range(12))


def grey(level: int, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    return np.full((height, width, 3), level, np.uint8)


def levels(path: Path) -> list[tuple[float, int]]:
    """Time and grey level of every picture of a recording, times from the first one's."""
    with av.open(path) as container:
        shown = [
            (frame.time, round(float(frame.to_ndarray(format="gray").mean()))) for frame in container.decode(video=0)
        ]
    return [(time - shown[0][0], level) for time, level in shown]


def environment(**extra: str) -> dict[str, str]:
    """This process's environment for a child that imports the same packages."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **extra}


def level(index: int) -> int:
    """The grey level that marks frame `index`, far from its neighbours' also after encoding."""
    return 20 + 40 * (index % 5) + index


def picture_of(index: int, width: int = 64, height: int = 48) -> Picture:
    """A grey picture that tells its index, with its top left quarter white."""
    picture = np.full((height, width, 3), level(index), np.uint8)
    picture[: height // 2, : width // 2] = 255
    return picture


def make_clip(path: Path, times: Sequence[float] = EVEN, width: int = WIDTH, height: int = HEIGHT) -> Path:
    """A clip of `picture_of(0)`, `picture_of(1)`, ... at those times in seconds."""
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", 25, {"crf": "5", "bf": "2"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90000)
        for index, seconds in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture_of(index, width, height), format="bgr24")
            frame.pts, frame.time_base = round(seconds * 90000), Fraction(1, 90000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
