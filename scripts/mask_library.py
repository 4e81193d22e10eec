"""The photos that mask training pictures are made of, in memory: people, rooms, scenes.

All photos stay in memory with their halved copies, so that a sample is a warp or two straight to the network's size.
"""

import csv
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Matrix = npt.NDArray[np.float64]
Size = tuple[int, int]  # height, width

SMALL_PERSON = 48  # pixels: people of scenes that are smaller are not cut out


@dataclass
class Layers:
    """A photo and its successive halvings, so that a bilinear warp never shrinks by more than two."""

    levels: list[Image]

    @classmethod
    def of(cls, picture: Image) -> "Layers":
        levels = [picture]
        while min(levels[-1].shape[:2]) >= 48:
            h, w = levels[-1].shape[:2]
            levels.append(cv2.resize(levels[-1], (w // 2, h // 2), interpolation=cv2.INTER_AREA))
        return cls(levels)

    @property
    def size(self) -> Size:
        h, w = self.levels[0].shape[:2]
        return h, w

    def warp(self, matrix: Matrix, shape: Size, border: int) -> Image:
        """`matrix` (2, 3) maps the full-size photo to the output of `shape` (height, width)."""
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        level = int(np.clip(np.log2(max(1 / max(scale, 1e-3), 1.0)), 0, len(self.levels) - 1))
        picture = self.levels[level]
        ratio = np.diag([self.size[1] / picture.shape[1], self.size[0] / picture.shape[0], 1.0])
        return cv2.warpAffine(picture, matrix @ ratio, shape[::-1], flags=cv2.INTER_LINEAR, borderMode=border)


@dataclass
class Figure:
    """A person photo: `photo` is BGR and alpha, `cut` the foreground's own colours times alpha, and alpha."""

    photo: Layers
    cut: Layers
    box: tuple[int, int, int, int]  # left, top, right, bottom of the person
    touches: tuple[bool, bool, bool]  # whether the photo's left, right and bottom edge cuts the person off

    @property
    def tall(self) -> bool:
        """Whether this looks like a person seen from head to foot."""
        left, top, right, bottom = self.box
        return bottom - top > 2 * (right - left)


@dataclass
class Library:
    figures: list[Figure]  # portraits and full figures
    standing: list[int]  # indices of figures that no edge cuts off
    empty: list[Layers]  # rooms and scenes without anybody
    peopled: list[Layers]  # scenes with people: BGR and alpha
    cast: list[Figure] = field(default_factory=list)  # the people of those scenes, cut out; postures no portrait has


def foreground(photo: Image, alpha: Image) -> Image:
    """The person's own colours, free of the old background, everywhere near the person; uint8 BGR.

    Blur-fusion (Forte 2021, "Approximate Fast Foreground Colour Estimation"), two rounds. The alpha is eroded first,
    because hand-made masks often run a pixel outside the person.
    """
    picture = photo.astype(np.float32)
    a = cv2.erode(alpha, np.ones((3, 3), np.uint8)).astype(np.float32)[..., None] / 255
    fore, back = picture, picture
    for radius in (61, 7):
        size = (radius, radius)
        weight = cv2.blur(a, size)[..., None]
        fore_mean = cv2.blur(fore * a, size) / (weight + 1e-5)
        back_mean = cv2.blur(back * (1 - a), size) / (1 - weight + 1e-5)
        fore = np.clip(fore_mean + a * (picture - a * fore_mean - (1 - a) * back_mean), 0, 255)
        back = back_mean
    return fore.astype(np.uint8)


def read_figure(photo: Image, alpha: Image) -> Figure:
    inside = alpha > 127
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    weight = alpha.astype(np.float32)[..., None] / 255
    cut = np.dstack([(foreground(photo, alpha) * weight).astype(np.uint8), alpha])
    edges = (inside[:, :3].any(1).mean(), inside[:, -3:].any(1).mean(), inside[-3:].any(0).mean())
    return Figure(
        Layers.of(np.dstack([photo, alpha])),
        Layers.of(cut),
        (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1),
        (bool(edges[0] > 0.06), bool(edges[1] > 0.06), bool(edges[2] > 0.04)),
    )


def read_split(folder: Path, split: str) -> list[tuple[str, Image, Image]]:
    """`(name, photo, alpha)` of every picture of `split` in a folder of `images`, `masks` and `index.csv`."""
    found = []
    with (folder / "index.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["split"] == split:
                photo = cv2.imread(str(folder / "images" / f"{row['name']}.jpg"), cv2.IMREAD_COLOR)
                alpha = cv2.imread(str(folder / "masks" / f"{row['name']}.png"), cv2.IMREAD_GRAYSCALE)
                found.append((row["name"], photo, alpha))
    return found


def read_rooms(folder: Path, held_out: bool) -> list[Image]:
    """The rooms to train on, or every tenth, which is held out to measure with."""
    paths = sorted(folder.glob("*.jpg"))
    return [cv2.imread(str(p), cv2.IMREAD_COLOR) for k, p in enumerate(paths) if (k % 10 == 0) == held_out]


def read_library(persons: list[Path], scenes: Path, rooms: Path) -> Library:
    """Everything the training may see: the `train` split and nine rooms in ten."""
    people = [(p, a) for folder in persons for _, p, a in read_split(folder, "train") if (a > 127).any()]
    with ThreadPoolExecutor() as threads:  # OpenCV works outside Python's lock
        figures = list(threads.map(lambda pair: read_figure(*pair), people))
    empty = [Layers.of(room) for room in read_rooms(rooms, held_out=False)]
    peopled, cast = [], []
    for _, photo, alpha in read_split(scenes, "train"):
        if (alpha > 127).any():
            peopled.append(Layers.of(np.dstack([photo, alpha])))
            cast += _cut_out(photo, alpha)
        else:
            empty += [Layers.of(photo)] * 8  # few beside the rooms, and far more varied
    standing = [k for k, figure in enumerate(figures) if figure.tall and not any(figure.touches)]
    return Library(figures, standing, empty, peopled, cast)


def _cut_out(photo: Image, alpha: Image) -> list[Figure]:
    """Each person, or group that hangs together, of a scene; not those that the upper edge cuts off."""
    count, labels, boxes, _ = cv2.connectedComponentsWithStats((alpha > 127).astype(np.uint8))
    found = []
    for k in range(1, count):
        left, top, width, height = map(int, boxes[k, :4])
        if min(width, height) >= SMALL_PERSON and top > 2:
            window = slice(top - 3, top + height + 6), slice(max(left - 6, 0), left + width + 6)
            own = np.where(labels[window] == k, alpha[window], 0).astype(np.uint8)
            found.append(read_figure(np.ascontiguousarray(photo[window]), own))
    return found
