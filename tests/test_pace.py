import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbst_live.backdrop.pace import COMFORT, FLOOR, Pace, rest

loads = st.floats(0, 1000)


def after(pace: Pace, load: float, frames: int = 300) -> float:
    for _ in range(frames):
        pace.note(load)
    return pace.share


@given(st.lists(loads, max_size=200))
def test_the_solver_is_never_starved_and_never_driven(seen):
    pace = Pace()
    assert all(FLOOR <= pace.note(load) <= 1 for load in seen)


@given(st.lists(loads, max_size=60), st.floats(COMFORT + 0.1, 1000))
def test_it_falls_to_the_floor_while_frames_are_late_whatever_was_before(before, late):
    pace = Pace()
    for load in before:
        pace.note(load)
    assert after(pace, late) == FLOOR


@given(st.lists(loads, max_size=60), st.floats(0, COMFORT - 0.1))
def test_it_comes_back_when_there_is_ease_whatever_was_before(before, ease):
    pace = Pace()
    for load in before:
        pace.note(load)
    assert after(pace, ease) == 1


@given(st.lists(loads, min_size=1, max_size=60), st.floats(0, 100))
def test_more_load_never_gives_more_pace(seen, more):
    lighter, heavier = Pace(), Pace()
    for load in seen:
        assert heavier.note(load + more) <= lighter.note(load)


@given(st.floats(0, COMFORT - 0.25), loads)
def test_one_slow_frame_is_no_trend(ease, slow):
    pace = Pace()
    after(pace, ease)
    pace.note(slow)
    assert after(pace, ease, 1) > 0.9


@given(st.floats(0, 10), st.floats(FLOOR, 1))
def test_rest_leaves_the_share(computed, share):
    resting = rest(computed, share)
    assert resting >= 0
    assert computed == pytest.approx(share * (computed + resting))


def test_in_a_closed_loop_it_settles_where_frames_are_comfortable():
    """The live way slows down in proportion to the solver's share, as on two cores without room for both."""
    pace = Pace()
    share = [pace.note(0.5 + 0.6 * pace.share) for _ in range(600)][-1]
    assert 0.5 + 0.6 * share == pytest.approx(COMFORT, abs=0.02)
