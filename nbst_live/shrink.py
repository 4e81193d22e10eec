"""Pictures at a smaller size, quickly."""

import cv2

from nbst_live.stages import Picture


def shrink(picture: Picture, width: int, height: int) -> Picture:
    """The picture stretched to width x height; itself where it is that large.

    Averaging over areas costs as much as all the rest of a network's preparation, so a large picture is first halved or
    more by bilinear sampling, to twice the size.
    """
    if picture.shape[1::-1] == (width, height):
        return picture
    if picture.shape[1] > 2 * width and picture.shape[0] > 2 * height:
        picture = cv2.resize(picture, (2 * width, 2 * height), interpolation=cv2.INTER_LINEAR)
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
