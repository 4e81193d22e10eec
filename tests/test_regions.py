import cv2
import hypothesis.extra.numpy as stn
import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nbst_live.mask.regions import tidy


def person() -> np.ndarray:
    alpha = np.zeros((144, 256), np.float32)
    cv2.circle(alpha, (128, 100), 40, 1.0, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 1)


def test_a_small_hole_is_closed_and_an_arm_akimbo_stays_open():
    alpha = person()
    holed = alpha.copy()
    cv2.circle(holed, (120, 100), 2, 0.0, -1)
    cv2.circle(holed, (140, 100), 9, 0.0, -1)
    tidied = tidy(holed)
    assert tidied[100, 120] == 1
    assert tidied[100, 140] == 0


def test_a_small_island_goes_with_its_rim_and_a_hand_stays():
    alpha = person()
    cv2.circle(alpha, (30, 30), 4, 1.0, -1)
    alpha = cv2.GaussianBlur(alpha, (0, 0), 1)
    cv2.circle(alpha, (220, 60), 11, 1.0, -1)
    tidied = tidy(alpha)
    assert tidied[20:41, 20:41].max() < 0.05
    assert tidied[60, 220] == 1
    assert (tidied[60:, 60:200] == alpha[60:, 60:200]).all()


def test_what_the_frame_cuts_off_is_no_island():
    alpha = person()
    alpha[-6:, :8] = 1
    assert tidy(alpha) is alpha


@given(stn.arrays(np.float32, st.tuples(st.integers(1, 40), st.integers(1, 40)), elements=st.sampled_from([0, 0.3, 1])))
def test_any_mask_keeps_its_largest_region_and_is_tidy_at_once(alpha):
    tidied = tidy(alpha)
    assert tidied.shape == alpha.shape
    assert 0 <= tidied.min() <= tidied.max() <= 1
    if (alpha >= 0.5).any():
        assert (tidied >= 0.5).any()


def test_what_is_faint_is_kept_beside_somebody_and_dropped_alone():
    alpha = person()
    alpha[90:110, 160:190] = np.maximum(alpha[90:110, 160:190], 0.3)
    alpha[20:40, 20:40] = 0.45
    alpha[70, 20:40] = 0.09
    tidied = tidy(alpha)
    assert (tidied[20:40, 20:40] == 0).all()
    assert (tidied[90:110, 160:190] >= 0.3).all()
    assert (tidied[70, 20:40] == np.float32(0.09)).all()


def test_a_hand_whose_wrist_is_lost_stays_and_a_speck_or_one_farther_off_goes():
    alpha = np.zeros((144, 256), np.float32)
    cv2.circle(alpha, (128, 100), 40, 1.0, -1)
    for place, radius in (((176, 100), 6), ((128, 54), 2), ((70, 100), 6)):
        cv2.circle(alpha, place, radius, 1.0, -1)
    tidied = tidy(alpha)
    assert tidied[100, 176] == 1
    assert tidied[54, 128] == 0
    assert tidied[100, 70] == 0
