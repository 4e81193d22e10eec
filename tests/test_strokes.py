import cv2
import numpy as np
import pytest

from nbst_live.gatys.strokes import along_strokes, stroke_share
from nbst_live.models import builtin_styles

ROWS, COLUMNS = np.indices((120, 160)).astype(np.float32)


def grey(plane):
    return np.repeat(np.clip(plane, 0, 255)[..., None], 3, axis=2).astype(np.uint8)


STRIPES = 128 + 100 * np.sin((COLUMNS + 0.5 * ROWS) / 2.5)
DOTS = 128 + 100 * np.sin(COLUMNS / 0.9) * np.sin(ROWS / 0.9)
PEBBLED = grey(STRIPES + 0.2 * (DOTS - 128))
INNER = slice(8, -8), slice(8, -8)


def test_stripes_are_strokes_and_dots_are_not():
    stripes, dots = (np.tile(grey(plane), (3, 4, 1)) for plane in (STRIPES, DOTS))
    assert stroke_share(stripes) == 1
    assert stroke_share(dots) == 0
    assert 0 < stroke_share(np.hstack([stripes[:, :420], dots[:, 420:]])) < 1


@pytest.mark.parametrize("name", ["mosaic", "pointillist"])
@pytest.mark.parametrize("scale", [0.5, 1, 2])
def test_paintings_of_dots_and_tiles_are_so_at_any_size(name, scale):
    painting = cv2.imread(str(builtin_styles()[name]))
    assert stroke_share(cv2.resize(painting, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)) < 0.01


@pytest.mark.parametrize("angle", range(0, 180, 15))
def test_pebbles_go_and_the_strokes_stay(angle):
    across = np.cos(np.radians(angle)) * COLUMNS + np.sin(np.radians(angle)) * ROWS
    stripes = 128 + 100 * np.sin(across / 2.2)
    pebbled = grey(stripes + 0.2 * (DOTS - 128))
    drawn = along_strokes(pebbled, 1.0)
    before, after = (np.abs(p.astype(float) - grey(stripes))[INNER].mean() for p in (pebbled, drawn))
    assert after < 0.7 * before
    assert drawn[INNER].std() > 0.93 * grey(stripes)[INNER].std()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_it_is_the_same_for_a_picture_turned(turns):
    turned = along_strokes(np.ascontiguousarray(np.rot90(PEBBLED, turns)), 1.0)
    difference = np.abs(np.rot90(turned, -turns).astype(int) - along_strokes(PEBBLED, 1.0))
    assert difference[INNER].mean() < 2


def test_a_share_lies_between_and_none_is_the_picture_itself():
    whole, half = along_strokes(PEBBLED, 1.0), along_strokes(PEBBLED, 0.5)
    assert np.abs(half.astype(float) - cv2.addWeighted(PEBBLED, 0.5, whole, 0.5, 0)).max() <= 1
    assert along_strokes(PEBBLED, 0.0) is PEBBLED


def test_it_may_be_for_a_part_alone():
    part = np.zeros(PEBBLED.shape[:2], np.float32)
    part[:60] = 1
    drawn = along_strokes(PEBBLED, part)
    np.testing.assert_array_equal(drawn[60:], PEBBLED[60:])
    assert np.abs(drawn[:60].astype(int) - along_strokes(PEBBLED, 1.0)[:60]).max() <= 1


def test_what_is_flat_stays_so():
    flat = np.full((40, 60, 3), (20, 90, 200), np.uint8)
    assert stroke_share(flat) == 1
    assert np.abs(along_strokes(flat, 1.0).astype(int) - flat).max() <= 1
