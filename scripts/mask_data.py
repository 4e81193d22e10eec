"""Training pictures for the mask network: photos of people, and people composited into rooms and scenes.

Every sample is `(image, alpha)` at the network's own size: `(H, W, 3)` uint8 BGR and `(H, W)` uint8, 255 = person.
"""

import random
from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
import torch
from mask_library import Figure, Image, Library, Matrix, Size
from mask_limbs import raise_arms
from torch.utils.data import IterableDataset

Sample = tuple[Image, Image]

# (height, width) and share; those of one model all cost about the same.
SHAPES = {
    "fast": {(160, 288): 0.38, (192, 256): 0.26, (224, 208): 0.36},
    "fine": {(256, 448): 0.38, (336, 336): 0.62},
}
KINDS = {"webcam": 0.28, "crowd": 0.17, "nobody": 0.06, "photo": 0.30, "scene": 0.19}
TWINS = {"webcam": 0.7, "crowd": 0.3}  # what pairs of frames show


class Painter:
    """Draws samples from a library; the same seed draws the same samples."""

    def __init__(self, library: Library, seed: int):
        self.library = library
        self.rng = random.Random(seed)
        self.noise = np.random.default_rng(seed)
        self._moved = 0.0, 0.0  # pixels by which all people stand elsewhere

    def sample(self, shape: Size) -> Sample:
        kind = self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        image, alpha = getattr(self, kind)(shape)
        return self._camera(image, alpha)

    def twins(self, shape: Size) -> tuple[Sample, Sample]:
        """Two frames of one scene: all the same but the sensor's noise, and the people moved by a pixel or so."""
        kind = self.rng.choices(list(TWINS), list(TWINS.values()))[0]
        move, grain = (self.rng.gauss(0, 0.8), self.rng.gauss(0, 0.4)), self.rng.uniform(0.5, 6)
        state = self.rng.getstate()
        first = self._camera(*getattr(self, kind)(shape))
        self.rng.setstate(state)
        self._moved = move
        second = self._camera(*getattr(self, kind)(shape))
        self._moved = 0.0, 0.0
        return self._grainy(*first, grain), self._grainy(*second, grain)

    def webcam(self, shape: Size) -> Sample:
        """One or two people before a background, cut off by the frame as a webcam cuts them."""
        image, alpha = self._background(shape), np.zeros(shape, np.uint8)
        if self.rng.random() < 0.15:
            figure = self._anyone()
            image, alpha = self._paste(image, alpha, figure, self._seat(figure, shape, 0.3, 0.8))
        figure = self.rng.choice(self.library.figures)
        seat = self._seat(figure, shape, 0.5, 1.25)
        image, alpha = self._paste(image, alpha, figure, seat)
        image, alpha = self._armed(image, alpha, self._layer(figure, seat, shape)[..., 3], 0.4)
        if self.rng.random() < 0.08:
            image, alpha = self._held(image, alpha)
        elif self.rng.random() < 0.25:
            image, alpha = self._carried(image, alpha)
        return image, alpha

    def _anyone(self) -> Figure:
        """A figure of the photos, or at times one cut out of a scene."""
        if self.library.cast and self.rng.random() < 0.4:
            return self.rng.choice(self.library.cast)
        return self.rng.choice(self.library.figures)

    def crowd(self, shape: Size) -> Sample:
        """One to seven full figures, the far ones first, in a room or among the people of a scene."""
        if self.rng.random() < 0.3:
            image, alpha = self.scene(shape)
        else:
            image, alpha = self._background(shape), np.zeros(shape, np.uint8)
        tallest = self.rng.uniform(0.2, 1.1)
        for height in sorted(tallest * self.rng.uniform(0.5, 1) for _ in range(self.rng.choice((1, 1, 2, 3, 4, 5, 7)))):
            figure = self._whole()
            image, alpha = self._paste(image, alpha, figure, self._stand(figure, shape, height))
        return image, alpha

    def _whole(self) -> Figure:
        """A figure that no edge cuts off: from head to foot, or as a scene shows it."""
        if self.library.cast and self.rng.random() < 0.4:
            figure = self.rng.choice(self.library.cast)
            if not any(figure.touches):
                return figure
        return self.library.figures[self.rng.choice(self.library.standing)]

    def nobody(self, shape: Size) -> Sample:
        return self._background(shape), np.zeros(shape, np.uint8)

    def photo(self, shape: Size) -> Sample:
        """A person photo as it is: stretched to the frame, or a crop of it: a head, a torso or legs alone, at times."""
        layers = self.rng.choice(self.library.figures).photo
        near = self.rng.choice((1.0, 1.0, 1.0, self.rng.uniform(1.0, 1.5), self.rng.uniform(1.5, 3.0)))
        matrix = self._fill(layers.size, shape, near, self.rng.uniform(0, 1))
        image, alpha = split(layers.warp(matrix, shape, cv2.BORDER_REFLECT))
        return self._armed(image, alpha, alpha, 0.1)

    def scene(self, shape: Size) -> Sample:
        layers = self.rng.choice(self.library.peopled)
        near = self.rng.choice((1.0, self.rng.uniform(1.0, 2.5)))
        matrix = self._fill(layers.size, shape, near, self.rng.uniform(0, 1))
        return split(layers.warp(matrix, shape, cv2.BORDER_REFLECT))

    def _background(self, shape: Size) -> Image:
        layers = self.rng.choice(self.library.empty)
        matrix = self._fill(layers.size, shape, self.rng.uniform(1.0, 2.0), self.rng.uniform(0, 0.4))
        image = layers.warp(matrix, shape, cv2.BORDER_REFLECT)
        if self.rng.random() < 0.25:
            image = cv2.GaussianBlur(image, (0, 0), self.rng.uniform(0.6, 3.5))
        return relit(image, self.rng, 0.25)

    def _fill(self, size: Size, shape: Size, near: float, stretch: float) -> Matrix:
        """A matrix that fills `shape`: `stretch` 0 keeps proportions and crops, 1 crops nothing; `near` magnifies."""
        h, w = size
        fit = np.array([shape[1] / w, shape[0] / h])
        scale = (fit.max() * (fit / fit.max()) ** stretch) * near
        spare = np.array([shape[1], shape[0]]) - scale * [w, h]
        shift = spare * [self.rng.random(), self.rng.random()]
        matrix = np.array([[scale[0], 0, shift[0]], [0, scale[1], shift[1]]])
        tilt = cv2.getRotationMatrix2D((shape[1] / 2, shape[0] / 2), self.rng.gauss(0, 4), 1.0)
        return self._flipped(tilt @ np.vstack([matrix, [0, 0, 1]]), shape)

    def _flipped(self, matrix: Matrix, shape: Size) -> Matrix:
        if self.rng.random() < 0.5:
            return matrix
        return np.array([[-1, 0, shape[1]], [0, 1, 0]]) @ np.vstack([matrix, [0, 0, 1]])

    def _seat(self, figure: Figure, shape: Size, low: float, high: float) -> Matrix:
        """The person's lower end at or below the frame's, and no edge of the photo that cuts them off showing."""
        left, top, right, bottom = figure.box
        tall = bottom - top
        if figure.tall:  # the frame shows the upper part
            tall = int(tall * self.rng.uniform(0.25, 1.0))
        scale = shape[0] * self.rng.uniform(low, high) / tall
        if all(figure.touches[:2]):
            scale = max(scale, shape[1] / figure.cut.size[1])
        x = self.rng.uniform(0.0, 1.0) * shape[1] - scale * (left + right) / 2
        if figure.touches[1]:
            x = max(x, shape[1] - scale * figure.cut.size[1])
        if figure.touches[0]:
            x = min(x, 0.0)
        y = shape[0] - scale * (top + tall) + self.rng.choice((0.0, self.rng.uniform(0, 0.2) * shape[0]))
        return self._flipped(np.array([[scale, 0, x], [0, scale, y]]), shape)

    def _stand(self, figure: Figure, shape: Size, height: float) -> Matrix:
        """A whole figure of `height` (share of the frame), its feet in the lower part of the frame."""
        left, _, right, bottom = figure.box
        scale = shape[0] * height / (bottom - figure.box[1])
        wide = scale * self.rng.uniform(0.85, 1.2)  # also stands in for frames stretched to the network
        x = self.rng.uniform(0.0, 1.0) * shape[1] - wide * (left + right) / 2
        y = shape[0] * self.rng.uniform(max(0.55, height), 1.05) - scale * bottom
        return self._flipped(np.array([[wide, 0, x], [0, scale, y]]), shape)

    def _paste(self, image: Image, alpha: Image, figure: Figure, matrix: Matrix) -> Sample:
        cut, own = split(self._layer(figure, matrix, alpha.shape))
        lit = cv2.min(relit(cut, self.rng, 0.25), cv2.merge([own] * 3)) if self.rng.random() < 0.6 else cut
        rest = (255 - own).astype(np.uint16)
        under = (image * rest[..., None] + 127) // 255
        covered = (alpha * rest + 127) // 255
        return cv2.add(lit, under.astype(np.uint8)), cv2.add(own, covered.astype(np.uint8))

    def _layer(self, figure: Figure, matrix: Matrix, shape: tuple[int, ...]) -> Image:
        """The figure alone where it stands: its colours times alpha, and alpha."""
        moved = matrix + np.array([[0, 0, self._moved[0]], [0, 0, self._moved[1]]])
        return figure.cut.warp(moved, (shape[0], shape[1]), cv2.BORDER_CONSTANT)

    def _armed(self, image: Image, alpha: Image, body: Image, share: float) -> Sample:
        """In that share of all cases the person whose alpha is `body` raises an arm, or both."""
        if self.rng.random() < share:
            look, arms = self._look(alpha.shape), self.rng.choice((1, 1, 1, 2))
            image, alpha = raise_arms(self.rng, image, alpha, body, look, arms)
        return image, alpha

    def _look(self, shape: Size) -> Image:
        """A piece of some photo without people, as a pattern."""
        layers = self.rng.choice(self.library.empty)
        return layers.warp(self._fill(layers.size, shape, self.rng.uniform(1, 6), 0), shape, cv2.BORDER_REFLECT)

    def _held(self, image: Image, alpha: Image) -> Sample:
        """A headset or a thing held up, drawn; whatever a person wears or holds counts as person."""
        rows, columns = np.nonzero(alpha > 127)
        if rows.size < 400:
            return image, alpha
        image, alpha = image.copy(), alpha.copy()
        colour = tuple(self.rng.randrange(256) for _ in range(3))
        if self.rng.random() < 0.5:
            top = int(rows.min())
            head = columns[rows <= top + 0.15 * (rows.max() - top)]
            radius = int(np.ptp(head) / 2) + 3
            centre, width = (int(head.mean()), top + radius - 3), self.rng.randint(2, 5)
            _headset(image, centre, radius, width, colour)
            _headset(alpha, centre, radius, width, (255,))
        else:
            k = self.rng.randrange(rows.size)
            size = self.rng.uniform(10, 28), self.rng.uniform(14, 40)
            corners = cv2.boxPoints(((int(columns[k]), int(rows[k])), size, self.rng.gauss(0, 20))).astype(np.int32)
            cv2.fillConvexPoly(image, corners, colour, cv2.LINE_AA)
            cv2.fillConvexPoly(alpha, corners, (255,), cv2.LINE_AA)
        return image, alpha

    def _carried(self, image: Image, alpha: Image) -> Sample:
        """A larger thing before the body, round or with corners, with the look of a piece of some photo, and shaded."""
        rows, columns = np.nonzero(alpha > 127)
        if rows.size < 400:
            return image, alpha
        height = int(np.ptp(rows)) + 1
        k = self.rng.choice(np.flatnonzero(rows > rows.min() + 0.45 * height).tolist())
        size = [height * self.rng.uniform(0.15, 0.6), height * self.rng.uniform(0.15, 0.6)]
        outline = ((float(columns[k]), float(rows[k])), size, self.rng.uniform(0, 180))
        shape = thing(outline, alpha.shape, rounded=self.rng.random() < 0.6)
        look = self._look(shape.shape)
        if self.rng.random() < 0.5:  # one colour, shaded
            shade = cv2.cvtColor(cv2.GaussianBlur(look, (0, 0), 3), cv2.COLOR_BGR2GRAY)[..., None] / np.float32(255)
            look = (shade * [self.rng.randrange(256) for _ in range(3)]).astype(np.uint8)
        own = shape[..., None].astype(np.float32) / 255
        mixed = relit(look, self.rng, 0.4) * own + image * (1 - own)
        return mixed.astype(np.uint8), cv2.max(alpha, shape)

    def _camera(self, image: Image, alpha: Image) -> Sample:
        """What a camera does to a picture: light, white balance, blur of motion, noise, compression."""
        rng = self.rng
        image = relit(image, rng, 0.3)
        if rng.random() < 0.12:
            kernel = streak(rng.randint(3, 9), rng.uniform(0, 180))
            image, alpha = cv2.filter2D(image, -1, kernel), cv2.filter2D(alpha, -1, kernel)
        if rng.random() < 0.15:
            image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.2))
        if rng.random() < 0.25:
            image, alpha = self._grainy(image, alpha, rng.uniform(2, 14))
        if rng.random() < 0.3:
            _, packed = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, rng.randint(35, 92)])
            image = cv2.imdecode(packed, cv2.IMREAD_COLOR)
        if rng.random() < 0.04:
            image = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
        return image, alpha

    def _grainy(self, image: Image, alpha: Image, strength: float) -> Sample:
        grain = self.noise.standard_normal(image.shape, np.float32) * np.float32(strength)
        return cv2.add(image, grain, dtype=cv2.CV_8U), alpha


Outline = tuple[tuple[float, float], list[float], float]
"""Of a thing: its centre, x and y, its two sides, and its turn in degrees."""


def thing(outline: Outline, shape: tuple[int, ...], *, rounded: bool) -> Image:
    """255 where a thing is, an ellipse or with corners, (h, w) uint8."""
    cover = np.zeros(shape, np.uint8)
    if rounded:
        cv2.ellipse(cover, outline, (255,), -1, cv2.LINE_AA)
    else:
        cv2.fillConvexPoly(cover, cv2.boxPoints(outline).astype(np.int32), (255,), cv2.LINE_AA)
    return cover


def split(layer: Image) -> Sample:
    return np.ascontiguousarray(layer[..., :3]), np.ascontiguousarray(layer[..., 3])


def relit(image: Image, rng: random.Random, strength: float) -> Image:
    """Gain and gamma for all three channels, with a white balance of a quarter of their strength."""
    ramp = np.linspace(0, 1, 256, dtype=np.float32)
    gain, gamma = np.exp(rng.gauss(0, strength)), np.exp(rng.gauss(0, strength))
    curves = [255 * np.exp(rng.gauss(0, strength / 4)) * gain * ramp**gamma for _ in range(3)]
    return cv2.LUT(image, np.clip(np.stack(curves, -1), 0, 255).astype(np.uint8)[None])


def _headset(canvas: Image, centre: tuple[int, int], radius: int, width: int, colour: tuple[int, ...]) -> None:
    cv2.ellipse(canvas, centre, (radius, radius), 0, 175, 365, colour, width, cv2.LINE_AA)
    for x in (centre[0] - radius, centre[0] + radius):
        cv2.ellipse(canvas, (x, centre[1]), (width + 2, 2 * width + 2), 0, 0, 360, colour, -1, cv2.LINE_AA)


def streak(length: int, angle: float) -> npt.NDArray[np.float32]:
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1.0)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return kernel / max(float(kernel.sum()), 1e-3)


class Batches(IterableDataset[tuple[torch.Tensor, torch.Tensor]]):
    """Endless batches `(B, H, W, 3)` and `(B, H, W)` uint8, each of one shape drawn by its share.

    The first `2 * twins` samples of a batch are pairs of neighbouring frames, each next to its other.
    """

    def __init__(self, library: Library, shapes: dict[Size, float], size: int, twins: int, seed: int):
        super().__init__()
        self.library, self.shapes, self.size, self.twins, self.seed = library, shapes, size, twins, seed

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        cv2.setNumThreads(1)
        worker = torch.utils.data.get_worker_info()
        painter = Painter(self.library, self.seed * 1000 + (worker.id if worker else 0))
        while True:
            shape = painter.rng.choices(list(self.shapes), list(self.shapes.values()))[0]
            samples = [sample for _ in range(self.twins) for sample in painter.twins(shape)]
            samples += [painter.sample(shape) for _ in range(self.size - len(samples))]
            images, alphas = zip(*samples, strict=True)
            yield torch.from_numpy(np.stack(images)), torch.from_numpy(np.stack(alphas))
