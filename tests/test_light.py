"""In which light a frame shows the known room, and how far it is still the same room."""

import numpy as np
import pytest

from nbst_live.mask.light import clear, gains, trust

HEIGHT, WIDTH = 160, 288
PERSON = np.zeros((HEIGHT, WIDTH), np.float32)
PERSON[:, :100] = 1
KNOWN = np.full((HEIGHT, WIDTH), 255, np.uint8)
CLEAR = clear(PERSON, KNOWN)
ROOM = np.random.default_rng(0).integers(50, 150, (HEIGHT // 4, WIDTH // 4, 3), np.uint8).repeat(4, 0).repeat(4, 1)
FRAMED = np.dstack([ROOM, KNOWN])


def lit(*light: float) -> np.ndarray:
    """The room in that light, and somebody."""
    picture = (ROOM * np.array(light)).astype(np.uint8)
    picture[:, :100] = 10
    return picture


def test_clear_is_where_the_room_is_known_and_nobody_is_near():
    assert not CLEAR[:, :108].any()
    assert CLEAR[:, 120:].all()
    some = KNOWN.copy()
    some[:50] = 0
    np.testing.assert_array_equal(clear(PERSON, some), CLEAR & some)


def test_one_pixel_of_somebody_is_somebody():
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[85, 163] = 0.05
    near = clear(alpha, KNOWN) == 0
    rows, columns = np.nonzero(near)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (72, 95, 152, 175)
    assert near.sum() == 24 * 24


@pytest.mark.parametrize("light", [(1.3, 1.3, 1.3), (0.7, 0.9, 1.2)])
def test_the_light_is_that_of_the_room_and_a_change_of_it_alone_is_no_doubt(light):
    picture = lit(*light)
    found = gains(picture, FRAMED, CLEAR)
    np.testing.assert_allclose(found, light, rtol=0.01)
    assert trust(picture, FRAMED, found, CLEAR) == 1


def test_another_room_is_not_trusted_and_one_in_which_a_little_differs_half():
    picture, same = lit(1, 1, 1), np.ones(3, np.float32)
    assert trust(picture, np.roll(FRAMED, 40, axis=1), same, CLEAR) == 0
    picture[:10, 150:] = 250
    assert 0.3 < trust(picture, FRAMED, same, CLEAR) < 0.9


def test_where_nothing_is_seen_of_the_room_it_is_not_trusted():
    assert trust(lit(1, 1, 1), FRAMED, np.ones(3, np.float32), np.zeros_like(KNOWN)) == 0
