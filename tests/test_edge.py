import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from nbst_live.mask.edge import solve_alpha, solve_colours
from nbst_live.mask.trimap import local_means

COLOURS = st.tuples(*[st.integers(0, 255)] * 3)


def pixels(*colours) -> np.ndarray:
    return np.array(colours, np.float32).T


@given(COLOURS, COLOURS, COLOURS, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.booleans())
def test_any_colours_give_an_alpha_and_a_colour(seen, person, behind, prior, network, alpha, known):
    one = np.float32([1])
    found = solve_alpha(pixels(seen), one * prior, one * network, pixels(person), pixels(behind), one * known)
    colours = solve_colours(pixels(seen), one * alpha, pixels(person), pixels(behind))
    assert 0 <= found[0] <= 1
    assert 0 <= colours.min() <= colours.max() <= 255
    assert found.dtype == colours.dtype == np.float32


@given(st.floats(0.05, 0.95))
def test_a_mix_of_two_contrasting_colours_gives_its_alpha_back_whatever_the_prior(alpha):
    person, behind = pixels((30, 40, 60)), pixels((200, 190, 180))
    seen = (alpha * person + (1 - alpha) * behind).astype(np.float32)
    half = np.float32([0.5])
    found = solve_alpha(seen, half, half, person, behind, np.float32([1]))
    assert abs(float(found[0]) - alpha) < 0.05


def test_without_contrast_the_guided_filter_decides():
    grey = pixels((100, 100, 100))
    for prior in (0.0, 0.5, 1.0):
        found = solve_alpha(grey, np.float32([prior]), np.float32([prior]), grey, grey, np.float32([1]))
        assert abs(float(found[0]) - prior) < 0.05


def test_what_is_neither_is_the_persons_but_only_where_the_network_sees_somebody():
    person, behind, red = pixels((200, 200, 200)), pixels((90, 90, 90)), pixels((20, 20, 240))
    prior = np.float32([0.3])
    near, far = (
        solve_alpha(red, prior, np.float32([network]), person, behind, np.float32([1])) for network in (0.4, 0.0)
    )
    assert near[0] > 0.85
    assert far[0] < 0.6


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
    found = local_means(small, sure)[:, :44, :3]
    assert np.abs(found - (10, 20, 30)).max() < 1
