"""Training pictures for the difference key (key_net.py): frames, what the mask network says of them, and the plate.

    python scripts/key_data.py --persons DIR --scenes DIR --rooms DIR --mask-model person-fast --count 12000 \
        --out runs/key/fast.npy

Each is made as it comes about live. Somebody stands before a room in one pose after another; the mask network finds
them, and the plate learns whatever that takes for room, mistakes included. The last pose is the sample. CROPS pieces of
each are kept, most of them from the edge of the people or where the mask network errs.
"""

import argparse
import os
import random
import time
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from mask_data import Painter, Sample, relit, streak, thing
from mask_library import Figure, Image, Library, Matrix, Size, read_library

from nbst_live import models
from nbst_live.backdrop.plate import surely_room
from nbst_live.mask.light import clear, gains, trust
from nbst_live.mask.masker import OnnxMasker
from nbst_live.stages import Alpha

LARGER = 2
"""Frames are drawn so many times larger than the network sees them, as a camera's are."""
LOOK, FLICKER, SWING = 0.15, 0.02, 0.1
"""Spread of the camera's gain and gamma from scene to scene; of the light from frame to frame, mostly and at times."""
PLANES = {"picture": 3, "alpha": 1, "plate": 3, "known": 1, "truth": 1, "near": 1}
"""What a scene's planes are, in their order, and how many channels each has."""
CHANNELS = sum(PLANES.values())
CROPS, CROP = 3, (96, 160)
EDGE, WRONG = (10, 245), 30
"""Levels of true alpha between which there is an edge, and difference from it by which the mask network errs."""
BAND, UNEVEN = 7, 20
"""Window and difference of levels in which a pixel counts as near an edge or an error."""

Crops = npt.NDArray[np.uint8]
"""(N, CROPS, *CROP, CHANNELS): the planes of scenes."""


@dataclass(frozen=True)
class Scene:
    """All at the network's size, uint8: `picture` (h, w, 3) and `plate` (h, w, 3) BGR; (h, w) the network's `alpha`,
    where the plate is `known` (255), and the `truth`.
    """

    picture: Image
    alpha: Image
    plate: Image
    known: Image
    truth: Image

    def planes(self) -> Image | None:
        """PLANES, (h, w, CHANNELS): the plate in the picture's light, and `near`, 255 near an edge or an error. None
        where the plate would not be believed.
        """
        alpha, framed = self.alpha.astype(np.float32) / np.float32(255), np.dstack([self.plate, self.known])
        where = clear(alpha, self.known)
        light = gains(self.picture, framed, where)
        if self.known.any() and trust(self.picture, framed, light, where) < 0.5:
            return None
        plate = np.minimum(self.plate * light, 255).astype(np.uint8)
        window = np.ones((BAND, BAND), np.uint8)
        most, least = (side(self.alpha, self.truth) for side in (cv2.max, cv2.min))
        near = cv2.compare(cv2.subtract(cv2.dilate(most, window), cv2.erode(least, window)), UNEVEN, cv2.CMP_GT)
        return np.dstack([self.picture, self.alpha, plate, self.known, self.truth, near])


class ScenePainter(Painter):
    """Draws scenes; the same seed draws the same. People of one scene are drawn again and again from the same state of
    chance, moved or left out.
    """

    def __init__(self, library: Library, masker: OnnxMasker, seed: int) -> None:
        super().__init__(library, seed)
        self._masker = masker
        self._absent = self._furnished = False
        self._shadow = 0.0

    def draw(self) -> Scene:
        rng, camera = self.rng, _Camera(self.rng, self._masker.size)
        self._shadow = rng.choice((0.0, rng.uniform(0.05, 0.5)))
        moved_thing, sweep = rng.random() < 0.12, rng.random() < 0.3
        poses = [self._pose(camera.shape) for _ in range(rng.choice((0, 1, 1, 2)))]
        stays, empty, bumped = rng.random() < 0.5, rng.random() < 0.4, rng.random() < 0.2
        begin, after = rng.getstate(), rng.getrandbits(32)

        def drawn(pose: tuple[float, float] = (0.0, 0.0), *, thing: bool = False, absent: bool = False) -> Sample:
            rng.setstate(begin)
            self._moved, self._furnished, self._absent = pose, thing, absent
            return self.webcam(camera.shape)

        learnt = _Learnt(self._masker)
        if empty:
            learnt.add(camera.takes(drawn(absent=True)[0], calm=True), np.zeros(self._masker.size[::-1], np.float32))
        for pose in poses:
            image, _ = drawn(pose)
            learnt.add(camera.takes(image, calm=True), self._masker.mask(camera.takes(image)))
        image, truth = drawn(thing=moved_thing)
        if stays:
            learnt.add(camera.takes(image, calm=True), self._masker.mask(camera.takes(image)))
        if sweep:
            image, truth = camera.blurred(image, truth, drawn(thing=moved_thing, absent=True)[0])
        picture = camera.takes(image)
        if bumped:
            learnt.shift(rng)
        self._moved, self._furnished, self._absent = (0.0, 0.0), False, False
        rng.seed(after)
        alpha = np.rint(self._masker.mask(picture) * 255).astype(np.uint8)
        return Scene(picture, alpha, learnt.plate, learnt.known, camera.shrunk(truth))

    def _pose(self, shape: Size) -> tuple[float, float]:
        """How far the people stand from where they will be: across the room, a step, or all but there."""
        reach = self.rng.choices((0.25, 0.02, 0.003), (0.5, 0.3, 0.2))[0]
        return self.rng.gauss(0, reach * shape[1]), self.rng.gauss(0, 0.2 * reach * shape[0])

    def _background(self, shape: Size) -> Image:
        image = super()._background(shape)
        state = self.rng.getstate()
        if self._furnished:
            image = self._with_thing(image)
        self.rng.setstate(state)
        return image

    def _with_thing(self, image: Image) -> Image:
        """With a thing in the room that the plate does not know."""
        rng, shape = self.rng, (image.shape[0], image.shape[1])
        sides = [image.shape[0] * rng.uniform(0.08, 0.5) for _ in range(2)]
        outline = ((rng.uniform(0, image.shape[1]), rng.uniform(0.2, 1) * image.shape[0]), sides, rng.uniform(0, 180))
        own = thing(outline, shape, rounded=rng.random() < 0.5)[..., None].astype(np.float32) / 255
        return np.asarray(relit(self._look(shape), rng, 0.4) * own + image * (1 - own), np.uint8)

    def _paste(self, image: Image, alpha: Image, figure: Figure, matrix: Matrix) -> Sample:
        if self._absent:
            return image, alpha
        if self._shadow:
            reach = 0.03 * image.shape[1]
            beside = matrix + np.array([[0, 0, reach], [0, 0, reach / 2]])
            own = self._layer(figure, beside, alpha.shape)[..., 3]
            window = (2 * round(reach) + 1,) * 2
            image = (image * (1 - cv2.blur(own, window)[..., None] * np.float32(self._shadow / 255))).astype(np.uint8)
        return super()._paste(image, alpha, figure, matrix)

    def _armed(self, image: Image, alpha: Image, body: Image, share: float) -> Sample:
        return (image, alpha) if self._absent else super()._armed(image, alpha, body, share)

    def _held(self, image: Image, alpha: Image) -> Sample:
        return (image, alpha) if self._absent else super()._held(image, alpha)

    def _carried(self, image: Image, alpha: Image) -> Sample:
        return (image, alpha) if self._absent else super()._carried(image, alpha)


class _Camera:
    """One camera, its settings fixed for a scene."""

    def __init__(self, rng: random.Random, size: tuple[int, int]) -> None:
        self.shape = size[1] * LARGER, size[0] * LARGER
        self._size, self._look = size, rng.getrandbits(32)
        self._chance = np.random.default_rng(rng.getrandbits(32))
        self._grain = rng.choice((rng.uniform(0.5, 3), rng.uniform(2, 8)))
        self._quality = rng.choice((0, 0, 0, rng.randint(50, 92)))
        self._flicker = rng.choice((FLICKER, FLICKER, SWING))
        self._streak = streak(rng.randint(3, 21), rng.gauss(0, 25))

    def takes(self, image: Image, *, calm: bool = False) -> Image:
        """A frame at the network's size; `calm` is the mean of many, with less grain."""
        image = relit(image, random.Random(self._look), LOOK)
        image = cv2.convertScaleAbs(image, alpha=float(np.exp(self._chance.normal(0, self._flicker))))
        strength = np.float32(self._grain / 3 if calm else self._grain)
        image = cv2.add(image, self._chance.standard_normal(image.shape, np.float32) * strength, dtype=cv2.CV_8U)
        if self._quality:
            _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, self._quality])
            image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        return self.shrunk(image)

    def shrunk(self, image: Image) -> Image:
        return np.asarray(cv2.resize(image, self._size, interpolation=cv2.INTER_AREA), np.uint8)

    def blurred(self, image: Image, alpha: Image, behind: Image) -> Sample:
        """The people in motion while the shutter is open, the room still."""
        own = alpha[..., None].astype(np.float32) / 255
        people = cv2.filter2D(image - (1 - own) * behind, -1, self._streak)
        alpha = cv2.filter2D(alpha, -1, self._streak)
        own = alpha[..., None].astype(np.float32) / 255
        return np.clip(people + (1 - own) * behind, 0, 255).astype(np.uint8), alpha


class _Learnt:
    """What the plate knows after some frames."""

    def __init__(self, masker: OnnxMasker) -> None:
        self._size = masker.size
        self.plate = np.zeros((self._size[1], self._size[0], 3), np.uint8)
        self.known = np.zeros(self._size[::-1], np.uint8)

    def add(self, picture: Image, alpha: Alpha) -> None:
        room = surely_room(alpha)
        cv2.copyTo(picture, room, self.plate)
        self.known |= room

    def shift(self, rng: random.Random) -> None:
        """As if the camera had been touched, mostly by less than a pixel."""
        reach = rng.choice((0.3, 0.3, 0.3, 1.2))
        matrix = np.array([[1, 0, rng.gauss(0, reach)], [0, 1, rng.gauss(0, reach)]])
        self.plate = np.asarray(cv2.warpAffine(self.plate, matrix, self._size, borderMode=cv2.BORDER_REFLECT), np.uint8)


def pieces(planes: Image, chance: np.random.Generator) -> Crops:
    """CROPS pieces of a scene, all but the last from an edge or an error, if there are any."""
    of = dict(zip(PLANES, np.split(planes, np.cumsum(list(PLANES.values()))[:-1], axis=2), strict=True))
    alpha, truth = of["alpha"][..., 0], of["truth"][..., 0]
    rows, columns = np.nonzero((cv2.absdiff(alpha, truth) > WRONG) | ((truth > EDGE[0]) & (truth < EDGE[1])))
    spare = np.array(alpha.shape) - CROP
    cut = np.empty((CROPS, *CROP, CHANNELS), np.uint8)
    for k in range(CROPS):
        middle = chance.integers(alpha.shape)
        if k < CROPS - 1 and rows.size:
            pick = chance.integers(rows.size)
            middle = np.array([rows[pick], columns[pick]]) + chance.integers(-20, 20, 2)
        top, left = np.clip(middle - np.array(CROP) // 2, 0, spare)
        cut[k] = planes[top : top + CROP[0], left : left + CROP[1]]
    return cut


def draw(args: argparse.Namespace, seed: int, begin: int, end: int) -> None:
    """One process's part of the file."""
    cv2.setNumThreads(1)
    masker = OnnxMasker(models.find(args.mask_model), (1280, 720), threads=1)
    library = read_library(args.persons, args.scenes, args.rooms)
    painter, chance = ScenePainter(library, masker, seed), np.random.default_rng(seed)
    crops = np.load(args.out, mmap_mode="r+")
    began = time.monotonic()
    for k in range(begin, end):
        planes = None
        while planes is None:
            planes = painter.draw().planes()
        crops[k] = pieces(planes, chance)
        if (k - begin) % 500 == 499:
            print(f"{args.out.name}: {k - begin + 1} of {end - begin}, {time.monotonic() - began:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=Path, nargs="+", required=True, help="folders of images, masks, index.csv")
    parser.add_argument("--scenes", type=Path, required=True, help="likewise, of everyday scenes")
    parser.add_argument("--rooms", type=Path, required=True, help="a folder of pictures without anybody")
    parser.add_argument("--mask-model", default="person-fast", metavar="NAME", help="default: person-fast")
    parser.add_argument("--count", type=int, default=12000, metavar="N", help="scenes (default: 12000)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, metavar="N", help="processes")
    parser.add_argument("--out", type=Path, required=True, metavar="F.npy")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    np.lib.format.open_memmap(args.out, "w+", np.uint8, (args.count, CROPS, *CROP, CHANNELS)).flush()
    ends = [args.count * k // args.workers for k in range(args.workers + 1)]
    context = get_context("spawn")
    workers = [context.Process(target=draw, args=(args, args.seed + k, *ends[k : k + 2])) for k in range(args.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    if any(worker.exitcode for worker in workers):
        raise SystemExit("a process that draws has failed, see above")


if __name__ == "__main__":
    main()
