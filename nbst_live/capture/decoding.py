"""JPEG pictures, as webcams give them: libjpeg-turbo, which decodes for OpenCV too, but into memory of our own."""

import simplejpeg

from nbst_live.capture.opencv import MAX_PIXELS
from nbst_live.capture.pool import PicturePool
from nbst_live.stages import Picture

END = b"\xff\xd9"
"""What ends a JPEG, and occurs nowhere else in its pixels (ITU-T T.81, section B.1.1.3)."""


def decode_jpeg(jpeg: bytes, pool: PicturePool) -> Picture | None:
    """The picture (H, W, 3) uint8 BGR; None where it is broken off, larger than MAX_PIXELS, or none at all.

    What some webcams do wrong in every picture, a few bytes too many between two parts, is let pass.
    """
    if jpeg.rfind(END) < 0:
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
        if height * width > MAX_PIXELS:
            return None
        return simplejpeg.decode_jpeg(jpeg, "BGR", buffer=pool.take(height, width), strict=False)
    except ValueError:
        return None
