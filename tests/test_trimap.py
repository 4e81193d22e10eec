"""The trimap is drawn in the window that holds the edge: there it is what it would be in the whole picture."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from nbst_live.mask import trimap as trimaps
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.seen import Sight
from nbst_live.mask.trimap import Trimaps
from nbst_live.mask.window import MARGIN, WHOLE, around
from nbst_live.models import find
from nbst_live.stages import Trimap

SHAPE = 160, 288
PLANES = "limit", "fit", "bounds", "near_person", "near_room", "next_person", "next_room"


def somebody(x: int, *, arm: bool = False) -> np.ndarray:
    alpha = np.zeros(SHAPE, np.float32)
    cv2.ellipse(alpha, (x, 140), (30, 80), 0, 0, 360, 1.0, -1)
    if arm:
        cv2.line(alpha, (x, 110), (x + 70, 40), 1.0, 7)
    return cv2.GaussianBlur(alpha, (0, 0), 1.2)


def room(rng: np.random.Generator) -> np.ndarray:
    return cv2.resize(rng.integers(0, 256, (20, 36, 3), np.uint8), SHAPE[::-1], interpolation=cv2.INTER_CUBIC)


class Stream:
    """Trimaps of frame after frame."""

    def __init__(self) -> None:
        self._sight, self._trimaps = Sight(), Trimaps()

    def make(self, alpha: np.ndarray, picture: np.ndarray) -> Trimap:
        return self._trimaps.make(alpha, self._sight.of(picture, *SHAPE[::-1]))


@pytest.mark.parametrize("x", [0, 101, 150, 287])
def test_at_the_edge_the_planes_are_those_of_the_whole_picture(monkeypatch, rng, x):
    seen = Sight().of(room(rng), *SHAPE[::-1])
    found = Trimaps().make(somebody(x), seen)
    monkeypatch.setattr(trimaps, "around", lambda _: WHOLE)
    whole = Trimaps().make(somebody(x), seen)
    edge = (whole.person | whole.room) == 0
    assert edge.any()
    for name in PLANES:
        here, there = (
            getattr(side, name)[cv2.dilate(edge.view(np.uint8), np.ones((3, 3))) > 0] for side in (found, whole)
        )
        np.testing.assert_allclose(here, there, atol=1e-4 if name in ("limit", "fit", "bounds") else 1)


def test_all_of_somebody_may_be_there_wherever_the_mask_sees_something_and_nothing_at_the_border_of_sure_room():
    alpha = np.zeros(SHAPE, np.float32)
    alpha[:, 100:] = 1
    found = Stream().make(alpha, np.zeros((*SHAPE, 3), np.uint8))
    first = int(np.flatnonzero(found.room[80] == 0)[0])
    assert found.limit[80, first - 1] + found.limit[80, first] == 0  # halfway between their middles
    for seen in (alpha, somebody(101, arm=True)):
        found = Stream().make(seen, np.zeros((*SHAPE, 3), np.uint8))
        open_ = (found.person | found.room) == 0
        assert found.limit[open_ & (seen > trimaps.LOW)].min() >= 255


def refined(monkeypatch, picture: np.ndarray, alphas: list[np.ndarray], unset: tuple[float, int]) -> list[np.ndarray]:
    """Mattes and colours where the trimap's new planes hold these values, float and uint8."""

    def empty(shape, dtype):
        return np.full(shape, unset[np.dtype(dtype) == np.uint8], dtype)

    monkeypatch.setattr(trimaps, "np", SimpleNamespace(**vars(np) | {"empty": empty}))
    refiner = MatteRefiner(EdgeSolver(find("edge-alpha")))
    cutouts = [refiner.refine(alpha, picture) for alpha in alphas]
    return [part for cutout in cutouts for part in (cutout.matte.copy(), cutout.colours)]


@pytest.mark.parametrize(
    ("width", "height", "shape"), [(2, 2, SHAPE), (16, 16, (576, 1024)), (17, 9, (576, 1024)), (640, 360, SHAPE)]
)
def test_what_no_plane_holds_is_not_read_however_small_the_frame(monkeypatch, rng, width, height, shape):
    picture = rng.integers(0, 256, (height, width, 3), np.uint8)
    alphas = [np.zeros(shape, np.float32) for _ in range(8)]
    for number, alpha in enumerate(alphas):
        alpha[:, : number * shape[1] // 8] = 1
    one, other = (refined(monkeypatch, picture, alphas, unset) for unset in ((np.nan, 0), (np.nan, 255)))
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_an_arm_that_the_mask_loses_for_a_moment_is_kept_in_the_window(rng):
    picture, made = room(rng), Stream()
    for _ in range(3):
        made.make(somebody(120, arm=True), picture)
    lost = made.make(somebody(120), picture)
    alpha, keep = lost.fit[40:110, 135:190, 3], lost.fit[40:110, 135:190, 2]
    assert np.isfinite(alpha).all()
    assert alpha.max() > 0.5
    assert keep.min() > 0.5


def test_nobody_has_no_edge_and_nothing_to_keep(rng):
    made = Stream()
    for _ in range(2):
        found = made.make(np.zeros(SHAPE, np.float32), room(rng))
    assert not found.person.any()
    assert (found.room == 255).all()


def test_a_person_as_wide_as_the_picture_whom_the_mask_loses_for_a_moment_is_kept_wholly(rng):
    picture, made, wide = room(rng), Stream(), np.zeros(SHAPE, np.float32)
    wide[40:] = 1
    for _ in range(3):
        made.make(wide, picture)
    lost = wide.copy()
    lost[50:] = 0
    assert not made.make(lost, picture).room[42:].any()


def test_a_window_holds_its_edge_with_a_margin_and_begins_at_even_places():
    edge = np.zeros(SHAPE, np.uint8)
    edge[50:60, 101:150] = 255
    rows, columns = around(edge)
    assert (rows.start, rows.stop, columns.start, columns.stop) == (28, 60 + MARGIN, 78, 150 + MARGIN)
    assert edge[rows, columns].sum() == edge.sum()
