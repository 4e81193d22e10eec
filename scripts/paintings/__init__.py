"""The paintings by name; each takes a random generator and gives a (576, 768, 3) float BGR picture, 0..255."""

from collections.abc import Callable

import numpy as np

from paintings.brushes import Image
from paintings.glass import stained_glass
from paintings.mosaic import mosaic
from paintings.oil import cubist, pointillist, swirl
from paintings.washes import ink, watercolor
from paintings.woodcut import woodcut

PAINTINGS: dict[str, Callable[[np.random.Generator], Image]] = {
    "cubist": cubist,
    "ink": ink,
    "mosaic": mosaic,
    "pointillist": pointillist,
    "stained-glass": stained_glass,
    "swirl": swirl,
    "watercolor": watercolor,
    "woodcut": woodcut,
}
