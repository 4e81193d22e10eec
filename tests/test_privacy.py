import cv2
import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nbst_live.backdrop import privacy
from nbst_live.backdrop.privacy import ALIKE_SHARE, alike_share, painted
from nbst_live.capture.drawn_room import draw_room


@st.composite
def pairs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """A backdrop and a room that are near one another in many pixels, at all brightnesses."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    room = rng.integers(0, 256, (24, 32, 3), np.uint8)
    offset = rng.integers(-40, 41, (24, 32, 3)) * rng.integers(0, 2, (24, 32, 1))
    return np.clip(room + offset, 0, 255).astype(np.uint8), room


@given(pairs())
def test_repelled_it_is_nowhere_near_the_room(pair):
    picture, room = pair
    assert privacy.raw_share(privacy.repel(picture, room), room) == 0


@given(pairs())
def test_pixels_that_are_far_from_the_room_stay_as_they_are(pair):
    picture, room = pair
    far = np.abs(picture.astype(int) - room).max(axis=2) >= privacy.DISTANCE
    assert (privacy.repel(picture, room)[far] == picture[far]).all()


@pytest.mark.parametrize("grey", [0, 8, 128, 247, 255])
def test_even_the_room_itself_is_repelled_at_every_brightness(grey):
    room = np.full((20, 20, 3), grey, np.uint8)
    moved = privacy.repel(room, room)
    assert (np.abs(moved.astype(int) - room).max(axis=2) >= privacy.DISTANCE).all()


def test_a_flat_neighbourhood_moves_as_one_without_speckle(rng):
    room = np.full((60, 60, 3), 128, np.uint8)
    picture = (room + rng.integers(1, 4, room.shape)).astype(np.uint8)
    assert (privacy.repel(picture, room) > room).all()


def test_the_raw_share_counts_known_pixels_within_8_levels_in_every_channel():
    room = np.full((10, 10, 3), 100, np.uint8)
    picture = room.copy()
    picture[:5, :, 1] += 8
    picture[5:, :, 1] += 9
    assert privacy.raw_share(picture, room) == 0.5
    known = np.zeros((10, 10), np.uint8)
    known[:5] = 255
    assert privacy.raw_share(picture, room, known) == 1.0


def test_a_room_is_not_a_painting_of_itself(rng):
    room = rng.integers(0, 256, (40, 40, 3), np.uint8)
    assert not privacy.painted(room, room)
    assert not privacy.painted(np.clip(room + rng.normal(0, 4, room.shape), 0, 255).astype(np.uint8), room)
    assert privacy.painted(np.ascontiguousarray(room[::-1]), room)


def test_the_room_in_other_colours_blurred_or_in_another_light_is_no_painting():
    room = draw_room(640, 360)
    recoloured = np.ascontiguousarray(255 - room[..., ::-1])
    for picture in (cv2.add(room, (40,) * 4), recoloured, cv2.GaussianBlur(recoloured, (0, 0), 2)):
        assert alike_share(picture, room) > ALIKE_SHARE
        assert not painted(picture, room)


def test_other_details_are_a_painting_and_only_known_ones_count(rng):
    room = draw_room(640, 360)
    strokes = cv2.resize(rng.integers(0, 256, (90, 160, 3), np.uint8), (640, 360), interpolation=cv2.INTER_CUBIC)
    assert alike_share(strokes, room) < 0.05
    half = strokes.copy()
    half[:, :320] = 255 - room[:, :320]
    known = np.full((360, 640), 255, np.uint8)
    assert not painted(half, room, known)
    known[:, :340] = 0
    assert painted(half, room, known)


def test_where_the_room_has_no_detail_none_is_shown():
    wall = np.full((90, 160, 3), 120, np.uint8)
    assert alike_share(wall, wall) == 0
