import cv2
import numpy as np
import pytest

from nbst_live.fakes import FakeMasker
from nbst_live.mask import opinion
from nbst_live.mask.opinion import SecondOpinion

WIDTH, HEIGHT = 288, 160


def person(x: int = 160) -> np.ndarray:
    """The soft alpha of somebody at this column."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.rectangle(alpha, (x - 40, 40), (x + 40, HEIGHT), 1.0, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 1.5)


def thing(x: int = 40, y: int = 140) -> np.ndarray:
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    cv2.rectangle(alpha, (x - 15, y - 12), (x + 15, y + 12), 0.9, -1)
    return cv2.GaussianBlur(alpha, (0, 0), 1.5)


class Networks:
    """Two networks that find what they are told to, at sizes of their own; `asked` counts for the second."""

    def __init__(self) -> None:
        self.asked, self.first, self.second = 0, person(), person()
        fine = FakeMasker(self._fine, size=(2 * WIDTH, 2 * HEIGHT))
        self.both = SecondOpinion(FakeMasker(lambda _: self.first.copy(), size=(WIDTH, HEIGHT)), fine)

    def _fine(self, _: np.ndarray) -> np.ndarray:
        self.asked += 1
        return cv2.resize(self.second, (2 * WIDTH, 2 * HEIGHT))

    def look(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        self.first, self.second = first, second
        return self.both.mask(np.zeros((HEIGHT, WIDTH, 3), np.uint8))


@pytest.fixture
def networks():
    networks = Networks()
    yield networks
    networks.both.close()


def test_what_only_the_first_finds_apart_from_somebody_is_nobody_edge_and_all(networks):
    for _ in range(40):
        found = networks.look(np.maximum(person(), thing()), person())
        assert (found == np.where(thing() > 0, 0, person())).all()
    assert networks.asked <= 40 / opinion.HOLDS + 1


def test_what_both_find_stays(networks):
    both = np.maximum(person(), thing())
    assert all((networks.look(both, both) == both).all() for _ in range(40))


def test_the_second_is_not_asked_about_somebody_alone_nor_about_specks(networks):
    speck = np.zeros_like(person())
    speck[20:23, 20:23] = 1
    for alpha in (person(), np.zeros_like(person()), np.maximum(person(), speck)):
        assert (networks.look(alpha, np.zeros_like(alpha)) == alpha).all()
    assert networks.asked == 0


def test_an_opinion_follows_a_thing_that_moves_and_ends_with_it(networks):
    for x in range(40, 70, 1):
        found = networks.look(np.maximum(person(), thing(x)), person())
        assert found[:, :115].max() < 0.01, x
    hand = np.maximum(person(), thing(70))
    shown = [float((networks.look(hand, hand) == hand).mean()) for _ in range(opinion.HOLDS)]
    assert shown[-1] == 1


def test_what_is_new_elsewhere_is_asked_about_soon(networks):
    networks.look(np.maximum(person(), thing(40)), person())
    two = np.maximum.reduce([person(), thing(40), thing(250, 20)])
    found = [networks.look(two, person())[10:30, 235:265].max() for _ in range(opinion.PAUSE + 1)]
    assert found[-1] == 0


def test_what_touches_somebody_is_theirs(networks):
    alpha = np.maximum(person(), thing(110))
    assert (networks.look(alpha, person()) == alpha).all()
    assert networks.asked == 0
