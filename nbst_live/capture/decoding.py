"""JPEG pictures, as webcams give them: libjpeg-turbo, which decodes for OpenCV too, but into memory of our own."""

import cv2
import numpy as np
import simplejpeg

from nbst_live.capture.opencv import MAX_PIXELS
from nbst_live.capture.pool import PicturePool
from nbst_live.stages import Picture

START, END = b"\xff\xda", b"\xff\xd9"
"""What comes before a JPEG's pixels and what after them; neither occurs among them (ITU-T T.81, section B.1.1.5)."""


def decode_jpeg(jpeg: bytes, pool: PicturePool) -> Picture | None:
    """The picture (H, W, 3) uint8 BGR; None where it is broken off, larger than MAX_PIXELS, or none at all."""
    if jpeg.rfind(END) <= jpeg.rfind(START):
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
        if height * width > MAX_PIXELS:
            return None
        return simplejpeg.decode_jpeg(jpeg, "BGR", buffer=pool.take(height, width), strict=False)
    except (ValueError, KeyError, RuntimeError):
        # Some webcams have stray bytes or odd numbers in every head, which OpenCV does not mind.
        return _by_opencv(jpeg)


def _by_opencv(jpeg: bytes) -> Picture | None:
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None
    return None if picture is None else np.asarray(picture, np.uint8)
