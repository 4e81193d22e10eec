import cv2
import numpy as np
import pytest

from nbst_live.errors import MaskError
from nbst_live.fakes import FakeMasker
from nbst_live.mask.ahead import AheadMasker

WIDTH, HEIGHT = 320, 180


def frame(x: int) -> np.ndarray:
    """A textured disc before a textured wall."""
    rng = np.random.default_rng(5)
    wall, disc = (cv2.GaussianBlur(rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8), (0, 0), 2) for _ in range(2))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, (x, 90), 50, 255, -1)
    picture = wall // 2
    picture[mask > 0] = np.roll(disc, x, axis=1)[mask > 0] // 2 + 128
    return picture


def bright(picture: np.ndarray) -> np.ndarray:
    small = cv2.resize(picture, (160, 90), interpolation=cv2.INTER_AREA).mean(axis=2)
    return (cv2.blur(small, (5, 5)) > 120).astype(np.float32)


def test_the_alpha_fits_the_frame_it_is_asked_for_not_the_one_it_was_found_on():
    with AheadMasker(FakeMasker(bright)) as ahead:
        for x in (120, 126, 132, 138):
            found = ahead.mask(frame(x))
        truth, late = bright(frame(138)), bright(frame(132))
    assert np.abs(found - truth).mean() < 0.4 * np.abs(late - truth).mean()


def test_the_first_frame_and_one_of_another_size_get_their_own_alpha():
    with AheadMasker(FakeMasker(bright)) as ahead:
        for picture in (frame(100), np.ascontiguousarray(frame(100)[:120, :200])):
            assert (ahead.mask(picture) == bright(picture)).all()


def test_what_moved_too_far_to_be_followed_gets_its_own_alpha():
    with AheadMasker(FakeMasker(bright)) as ahead:
        for x in (60, 140, 220, 90):
            found = ahead.mask(frame(x))
            assert (found == bright(frame(x))).all()


def test_what_was_half_somebody_and_is_gone_is_not_shown_for_a_frame():
    """A raised hand that the network half sees: a second opinion would make the whole of it of what is left behind."""

    def half(picture: np.ndarray) -> np.ndarray:
        return 0.4 * bright(picture)

    with AheadMasker(FakeMasker(half)) as ahead:
        assert ahead.mask(frame(100)).max() > 0.3
        assert (ahead.mask(frame(100) // 2) == half(frame(100) // 2)).all()


def test_a_failure_is_told_with_the_frame_after_and_the_next_ones_are_masked():
    with AheadMasker(FakeMasker(bright, fails={1})) as ahead:
        for _ in range(2):
            ahead.mask(frame(100))
        with pytest.raises(MaskError):
            ahead.mask(frame(100))
        assert (ahead.mask(frame(100)) == bright(frame(100))).all()


def test_closing_closes_the_masker_once_and_ends_the_thread():
    masker = FakeMasker(bright)
    ahead = AheadMasker(masker)
    ahead.mask(frame(100))
    ahead.close()
    ahead.close()
    assert masker.closings == 1
