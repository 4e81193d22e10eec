"""Which pixels of a frame are looked at one by one."""

import cv2
import numpy as np
import pytest

from nbst_live.mask.pixels import Raster, Subdivision
from nbst_live.mask.seen import Sight
from nbst_live.mask.trimap import Trimaps
from nbst_live.stages import Trimap

SMALL = 90, 160
SIZES = [(90, 160), (360, 640), (361, 643), (720, 1280), (1080, 1920)]


def disc(shape: tuple[int, int]) -> np.ndarray:
    """A soft one in the middle, (H, W) uint8."""
    scale, (height, width) = 8, shape
    alpha = np.zeros((height * 2, width * 2), np.uint8)
    cv2.circle(alpha, (width << scale, height << scale), (height << scale) // 2, 255, -1, cv2.LINE_AA, scale)
    return cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def trimap() -> Trimap:
    alpha = cv2.GaussianBlur(disc(SMALL), (0, 0), 1.0) / np.float32(255)
    return Trimaps().make(alpha, Sight().of(disc(SMALL)[..., None].repeat(3, axis=2), *SMALL[::-1]))


@pytest.mark.parametrize("shape", SIZES)
def test_every_mixed_pixel_is_looked_at_once_and_the_others_are_what_their_corners_are(trimap, shape):
    truth, matte = disc(shape), np.full(shape, 7, np.uint8)
    parts = Subdivision(trimap, shape)
    corners = parts.corners.where
    left = parts.fill(truth.reshape(-1)[corners], matte).where
    assert len(np.unique(np.concatenate([corners, left]))) == len(corners) + len(left)
    matte.reshape(-1)[left] = truth.reshape(-1)[left]
    assert (matte == truth).all()


@pytest.mark.parametrize("shape", SIZES)
def test_what_the_trimap_is_sure_of_stays_whatever_lies_beside_it(trimap, shape, rng):
    matte, parts = np.full(shape, 7, np.uint8), Subdivision(trimap, shape)
    left = parts.fill(rng.integers(0, 256, len(parts.corners.where), np.uint8), matte).where
    matte.reshape(-1)[left] = 99
    line, column = (np.arange(side) * small // side for side, small in zip(shape, trimap.person.shape, strict=True))
    person, room = (side[line][:, column] > 0 for side in (trimap.person, trimap.room))
    assert (matte[person] == 255).all()
    assert (matte[room] == 0).all()


@pytest.mark.parametrize("shape", [(720, 1280), (1080, 1920), (2160, 3840)])
def test_a_slit_between_the_corners_is_looked_at_where_the_network_is_in_doubt(shape):
    alpha = np.ones(SMALL, np.float32)
    alpha[:, 78:82] = (0.85, 0.5, 0.5, 0.85)
    trimap = Trimaps().make(alpha, Sight().of(np.full((*SMALL, 3), 90, np.uint8), *SMALL[::-1]))
    matte, parts = np.zeros(shape, np.uint8), Subdivision(trimap, shape)
    left = parts.fill(np.full(len(parts.corners.where), 255, np.uint8), matte).where
    looked_at = np.zeros(shape, bool)
    looked_at.reshape(-1)[np.concatenate([left, parts.corners.where])] = True
    assert looked_at[:, shape[1] // 2 - shape[1] // 160 : shape[1] // 2 + shape[1] // 160].all()


def test_a_large_frame_has_most_pixels_of_its_edge_left_out(trimap):
    shape = 720, 1280
    parts, matte = Subdivision(trimap, shape), np.zeros(shape, np.uint8)
    looked_at = len(parts.corners.where)
    looked_at += len(parts.fill(disc(shape).reshape(-1)[parts.corners.where], matte).where)
    open_ = cv2.resize(255 - (trimap.person | trimap.room), shape[::-1], interpolation=cv2.INTER_NEAREST)
    assert looked_at < 0.5 * cv2.countNonZero(open_)


def test_pixels_are_found_at_their_places(rng):
    picture = rng.integers(0, 256, (40, 60, 4), np.uint8)
    line, column = np.array([0, 7, 39]), np.array([0, 31, 59])
    pixels = Raster((40, 60), (20, 30)).at(line, column)
    assert (pixels.pick(picture) == picture[line, column].T).all()
    small = cv2.resize(picture, (30, 20), interpolation=cv2.INTER_AREA).astype(np.float32)
    enlarged = cv2.resize(small, (60, 40), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(pixels.sample(small), enlarged[line, column].T, atol=2)
    one_to_the_right = np.full((1, 3), 0.5, np.float32), np.zeros((1, 3), np.float32)
    fetched, plane = pixels.fetch(one_to_the_right, picture, np.ascontiguousarray(picture[..., 0]))
    assert (fetched == picture[line, np.minimum(column + 1, 59)].T).all()
    assert (plane == fetched[:1]).all()


def test_a_pixel_that_spans_several_of_the_networks_lies_at_the_middle_one():
    raster = Raster((2, 3), (80, 30))
    assert (raster.line == [19, 59]).all()
    assert (raster.column == [4, 14, 24]).all()
    pixels = raster.at(np.array([1]), np.array([2]))
    assert (pixels.y[0, 0], pixels.x[0, 0]) == (59.5, 24.5)


def test_no_pixels_have_nothing():
    nowhere = np.zeros(0, np.intp)
    pixels = Raster((40, 60), (20, 30)).at(nowhere, nowhere)
    assert pixels.sample(np.zeros((20, 30, 4), np.float32)).shape == (4, 0)
    assert pixels.fetch((np.zeros((1, 0), np.float32),) * 2, np.zeros((40, 60), np.uint8))[0].shape == (1, 0)
