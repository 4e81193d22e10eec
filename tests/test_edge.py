import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from nbst_live.errors import MaskError
from nbst_live.mask.edge import EdgeSolver, Samples, solve_colours
from nbst_live.mask.trimap import local_means, weighted_means
from nbst_live.models import find

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)
SHARES = st.floats(0, 1, width=32)
EDGE = EdgeSolver(find("edge-alpha"))


def pixels(*colours) -> np.ndarray:
    return np.array(colours, np.float32).T


def one_pixel(seen, person, behind, alpha: float, known: float = 1.0) -> Samples:
    """A pixel in the middle of an edge, of which nothing was known the frame before."""
    person, behind, share, nothing = pixels(person), pixels(behind), np.float32([[alpha]]), np.float32([[0]])
    return Samples(
        picture=pixels(seen), slope=nothing, offset=0.04 + np.float32(0.92) * share, keep=nothing, alpha=share,
        least=nothing, most=np.float32([[1]]), x=nothing, y=nothing,
        near_person=person, alpha_3=share, behind=behind, alpha_7=share,
        next_person=person, alpha_15=share, next_room=behind, unsteady=share,
        known=np.float32([[known]]), before=pixels((0, 0, 0)), matte=nothing,
    )  # fmt: skip


@given(COLOURS, COLOURS, COLOURS, SHARES, SHARES, SHARES)
def test_any_colours_give_an_alpha_and_a_colour(seen, person, behind, alpha, known, true):
    found = EDGE.solve(one_pixel(seen, person, behind, alpha, known))
    colours = solve_colours(pixels(seen), np.float32([true]), pixels(person), pixels(behind))
    assert found.shape == (1,)
    assert 0 <= found[0] <= 1
    assert 0 <= colours.min() <= colours.max() <= 255
    assert found.dtype == colours.dtype == np.float32


@given(st.floats(0.0, 1.0))
def test_before_a_known_room_a_mix_of_two_contrasting_colours_tells_its_alpha(alpha):
    person, behind = np.array((30, 40, 60)), np.array((200, 190, 180))
    found = EDGE.solve(one_pixel(alpha * person + (1 - alpha) * behind, person, behind, 0.5))
    assert abs(float(found[0]) - alpha) < 0.3


def test_where_no_colour_tells_the_mask_decides():
    grey = (100, 100, 100)
    found = [float(EDGE.solve(one_pixel(grey, grey, grey, alpha))[0]) for alpha in (0.02, 0.5, 0.98)]
    assert found[0] < 0.2
    assert found[2] > 0.8
    assert found == sorted(found)


def test_no_pixels_give_none():
    nothing = Samples(*(plane[:, :0] for plane in one_pixel((0, 0, 0), (0, 0, 0), (0, 0, 0), 0.5)))
    assert EDGE.solve(nothing).shape == (0,)


def test_a_failure_is_a_mask_error():
    wrong = one_pixel((0, 0, 0), (0, 0, 0), (0, 0, 0), 0.5)._replace(before=np.zeros((3, 3), np.float32))
    with pytest.raises(MaskError, match="edge could not be settled"):
        EDGE.solve(wrong)


@given(st.floats(0.3, 1))
def test_the_room_is_taken_out_of_the_colours(alpha):
    true, behind = pixels((60, 140, 30)), pixels((250, 250, 250))
    seen = (alpha * true + (1 - alpha) * behind).astype(np.float32)
    found = solve_colours(seen, np.float32([alpha]), pixels((70, 130, 40)), behind)
    assert np.abs(found - true).max() < 12


def test_local_means_are_those_of_the_sure_side_alone():
    small = np.zeros((60, 80, 3), np.uint8)
    small[:, :40], small[:, 40:] = (10, 20, 30), (200, 210, 220)
    sure = np.zeros((60, 80), np.uint8)
    sure[:, :35] = 255
    found = local_means(small, sure)[:, :44]
    assert np.abs(found - (10, 20, 30)).max() < 1


def test_weighted_means_are_those_of_the_pixels_that_are_it():
    small = np.zeros((20, 30, 3), np.uint8)
    small[:, :15], small[:, 15:] = (10, 20, 30), (200, 210, 220)
    alpha = np.zeros((20, 30), np.float32)
    alpha[:, :15] = 1
    found = weighted_means(small, alpha)
    assert np.abs(found[:, :15] - (10, 20, 30)).max() < 1
    assert np.abs(found[:, 15] - (10, 20, 30)).max() < 1
