import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nbst_live.mask.people import People

SIZE = (256, 144)


def person(x: float, half: int = 20, top: int = 50) -> np.ndarray:
    """The soft alpha of somebody at this column, `2 * half` pixels wide."""
    alpha = np.zeros(SIZE[::-1], np.float32)
    cv2.rectangle(alpha, (round(x) - half, top), (round(x) + half, SIZE[1]), 1.0, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 1.5)


def scene(*people: np.ndarray) -> np.ndarray:
    return np.maximum.reduce(people)


def shown(alpha: np.ndarray, someone: np.ndarray) -> bool:
    """Whether somebody is live, wholly; neither wholly nor not at all is an error."""
    share = float(np.minimum(alpha, someone).sum() / someone.sum())
    assert share > 0.99 or share < 0.01, share
    return share > 0.5


def test_with_all_nothing_is_done():
    alpha = scene(person(60), person(180))
    assert People("all").keep(alpha) is alpha


@pytest.mark.parametrize("choice", ["central", 1, 2, 5])
def test_who_is_alone_stays_and_nobody_stays_nobody(choice):
    people = People(choice)
    for alpha in (np.zeros(SIZE[::-1], np.float32), person(30), np.zeros(SIZE[::-1], np.float32), person(128)):
        assert (people.keep(alpha) == alpha).all()


def test_central_is_the_one_in_the_middle_even_if_another_is_larger():
    middle, side = person(120, 20), person(215, 26)
    alpha = People("central").keep(scene(middle, side))
    assert shown(alpha, middle)
    assert not shown(alpha, side)


def test_n_are_the_largest():
    small, large, medium = person(40, 12), person(120, 30), person(210, 20)
    alpha = People(2).keep(scene(small, large, medium))
    assert [shown(alpha, someone) for someone in (small, large, medium)] == [False, True, True]


def test_alpha_is_not_changed_in_place_and_soft_edges_stay():
    here = scene(person(60, 24), person(200, 12))
    before = here.copy()
    alpha = People(1).keep(here)
    assert (here == before).all()
    assert (alpha[:, :120] == here[:, :120]).all()


@pytest.mark.parametrize("choice", ["central", 1])
def test_two_alike_do_not_take_turns(choice):
    people, changes, last = People(choice), 0, None
    rng = np.random.default_rng(3)
    for _ in range(100):
        left, right = person(80 + rng.normal(0, 3), 20), person(176 + rng.normal(0, 3), 20)
        alpha = people.keep(scene(left, right))
        first = shown(alpha, left)
        assert first != shown(alpha, right)
        changes += last is not None and first != last
        last = first
    assert changes == 0


def test_one_who_is_clearly_larger_takes_over():
    people = People(1)
    people.keep(scene(person(70, 24), person(190, 16)))
    alpha = people.keep(scene(person(70, 14), person(190, 34)))
    assert shown(alpha, person(190, 34))
    assert not shown(alpha, person(70, 14))


def test_when_the_one_who_was_live_leaves_another_comes_in():
    people = People("central")
    people.keep(scene(person(128, 20), person(30, 20)))
    alone = person(30, 20)
    assert (people.keep(alone) == alone).all()


def test_a_faint_trace_of_another_is_not_shown():
    faint = 0.4 * person(200)
    kept = People("central").keep(scene(person(128), faint))
    assert shown(kept, person(128))
    assert kept[:, 170:].sum() == 0


def test_a_stream_of_another_size_begins_anew():
    people = People(1)
    people.keep(scene(person(70, 24), person(190, 16)))
    other = cv2.resize(scene(person(70, 16), person(190, 24)), (192, 192))
    kept = people.keep(other)
    assert kept[:, 96:].sum() > 0
    assert kept[:, :90].sum() == 0


@given(st.integers(0, 2**32 - 1), st.sampled_from(["central", 1, 2, 3]))
def test_whoever_is_dropped_is_dropped_whole_and_nobody_is_added(seed, choice):
    rng = np.random.default_rng(seed)
    blobs = cv2.GaussianBlur(rng.random(SIZE[::-1]).astype(np.float32), (0, 0), 8)
    alpha = np.clip((blobs - 0.5) * 20 + 0.5, 0, 1)
    people = People(choice)
    for _ in range(2):
        kept = people.keep(alpha)
        assert ((kept == 0) | (kept == alpha)).all()
        regions, labels = cv2.connectedComponents((alpha >= 0.5).astype(np.uint8))
        live = [(kept[labels == label] > 0).mean() for label in range(1, regions)]
        count = 1 if choice == "central" else choice
        assert sum(share > 0 for share in live) == min(count, regions - 1)
