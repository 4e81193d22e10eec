"""What is seen of a frame at the network's size is found once, with the movement since the frame before."""

import cv2
import numpy as np
import pytest

from nbst_live.mask.seen import Sight


@pytest.fixture
def texture(rng):
    return cv2.GaussianBlur(rng.integers(0, 256, (180, 400, 3), np.uint8), (0, 0), 5)


def test_a_frame_is_seen_small_and_grey_and_has_moved_since_the_one_before(texture):
    sight = Sight()
    first, second = (sight.of(np.ascontiguousarray(texture[:, x : x + 320]), 160, 90) for x in (20, 28))
    assert first.movement is None
    assert (second.small.shape, second.small.dtype) == ((90, 160, 3), np.uint8)
    assert (second.grey == cv2.cvtColor(second.small, cv2.COLOR_BGR2GRAY)).all()
    assert second.movement.since is first.grey
    assert second.movement.back.shape == (90, 160, 2)
    assert np.abs(second.movement.back[20:-20, 20:-20] - (4, 0)).mean() < 0.3


def test_what_is_seen_at_another_size_has_not_moved(texture):
    sight = Sight()
    for width in (160, 128, 160):
        assert sight.of(texture, width, 90).movement is None
    assert sight.of(texture, 160, 90).movement is not None


def test_of_pictures_that_stand_for_themselves_no_movement_is_looked_for(texture, monkeypatch):
    monkeypatch.setattr("nbst_live.mask.seen.Flow", None)
    sight = Sight(over_time=False)
    assert all(sight.of(texture, 160, 90).movement is None for _ in range(2))


def test_a_picture_of_that_size_is_seen_as_it_is(texture):
    assert Sight().of(texture, 400, 180).small is texture
