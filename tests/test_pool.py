import cv2
import numpy as np
import pytest

from nbst_live.capture.pool import PicturePool


def plain(pool, level, height=48):
    picture = pool.take(height, 64)
    picture[:] = level
    return picture


def memory_of(picture):
    return picture.__array_interface__["data"][0]


def test_the_memory_of_a_picture_that_nobody_holds_is_used_again():
    pool = PicturePool()
    assert len({memory_of(plain(pool, level)) for level in range(50)}) == 1


@pytest.mark.parametrize("part", [np.s_[:], np.s_[5:9, :, 1], np.s_[::2, 3:]], ids=["whole", "part", "lines"])
def test_what_is_held_in_whole_or_part_stays_as_it_is(part):
    pool = PicturePool()
    held = [plain(pool, 10 * k)[part] for k in range(20)]
    for k, picture in enumerate(held):
        assert (picture == 10 * k).all()


def test_so_does_what_opencv_has_written_there():
    pool = PicturePool()
    held = [cv2.flip(np.full((48, 64, 3), k, np.uint8), 1, dst=pool.take(48, 64)) for k in range(5)]
    assert [picture[0, 0, 0] for picture in held] == list(range(5))
    places = {memory_of(picture) for picture in held}
    del held
    assert memory_of(pool.take(48, 64)) in places


def test_of_several_under_way_none_is_touched():
    pool, under_way, places = PicturePool(), [], set()
    for k in range(60):
        under_way = [*under_way[-3:], (k, plain(pool, k))]
        places.add(memory_of(under_way[-1][1]))
        for level, picture in under_way:
            assert (picture == level).all()
    assert len(places) <= 5


def test_another_size_needs_other_memory():
    pool = PicturePool()
    for height in (48, 96, 48):
        assert plain(pool, 1, height).shape == (height, 64, 3)
