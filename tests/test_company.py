"""Who goes along with somebody, on pictures drawn here."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nbst_live.mask.company import Company

SIZE = HEIGHT, WIDTH = 160, 288


def textured(seed: int, mean: int) -> NDArray[np.uint8]:
    coarse = np.random.default_rng(seed).integers(mean - 50, mean + 50, (20, 36)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


ROOM, CLOTH = textured(1, 80), textured(2, 150)


def box(top: int, bottom: int, left: int, right: int) -> NDArray[np.uint8]:
    """255 within."""
    inside = np.zeros(SIZE, np.uint8)
    inside[top:bottom, left:right] = 255
    return inside


def moved(picture: NDArray[np.uint8], x: float) -> NDArray[np.uint8]:
    shift = np.array([[1, 0, x], [0, 1, 0]], np.float32)
    return np.asarray(cv2.warpAffine(picture, shift, (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST), np.uint8)


BODY, ARM, DOOR = box(40, 160, 100, 160), box(60, 80, 160, 190), box(30, 130, 165, 210)


class Scene:
    """Somebody who steps to the right, from frame to frame, and whatever is new beside them."""

    def __init__(self, new: NDArray[np.uint8], cloth: NDArray[np.uint8] = CLOTH) -> None:
        self._new, self._cloth, self._company = new, cloth, Company()
        self._chance = np.random.default_rng(3)

    def frame(self, body_at: float, new_at: float, room_at: float = 0.0) -> float:
        """Share of the new region that is taken to go along; each stands so far from where it stood first."""
        body, new = moved(BODY, body_at), moved(self._new, new_at)
        picture = np.where(new > 0, moved(self._cloth, new_at), moved(ROOM, room_at))
        picture = np.where(body > 0, moved(CLOTH, body_at), picture)
        noisy = np.clip(picture + self._chance.normal(0, 1.5, SIZE), 0, 255).astype(np.uint8)
        new = cv2.subtract(new, body)
        found = self._company.of(new, (body / np.float32(255)).astype(np.float32), noisy)
        assert not cv2.subtract(found, new).any()
        return float((found[new > 0] > 0).mean())

    def grow(self, new: NDArray[np.uint8]) -> None:
        """What is new beside somebody is more than it was."""
        self._new = new

    def hide(self) -> None:
        """A frame in which nothing new is found."""
        self._company.of(np.zeros(SIZE, np.uint8), (BODY / np.float32(255)).astype(np.float32), ROOM)


def test_nobody_is_known_to_go_along_at_first():
    assert Scene(ARM).frame(0, 0) == 0


def test_an_arm_goes_along_and_stays_known_when_it_rests():
    scene = Scene(ARM)
    shares = [scene.frame(x, x) for x in (0, 3, 6, 9)]
    assert shares[0] == 0
    assert min(shares[1:]) > 0.9
    assert min(scene.frame(9, 9) for _ in range(10)) > 0.9


def test_who_has_been_out_of_sight_is_not_known_any_more():
    scene = Scene(ARM)
    assert [scene.frame(x, x) > 0.9 for x in (0, 3, 6)] == [False, True, True]
    scene.hide()
    assert scene.frame(6, 6) == 0


@pytest.mark.parametrize("cloth", [CLOTH, np.full(SIZE, 30, np.uint8)], ids=["patterned", "plain"])
@pytest.mark.parametrize("step", [0, 1, 3, 9, -1, -3, -9])
def test_a_door_does_not_go_along_whoever_moves_before_it(step, cloth):
    scene = Scene(DOOR, cloth)
    assert max(scene.frame(step * k, 0) for k in range(5)) == 0


def test_a_thing_that_moves_by_itself_does_not_go_along():
    scene = Scene(ARM)
    assert max(scene.frame(x, y) for x, y in ((0, 0), (3, -2), (6, -4), (9, -6))) == 0
    still = Scene(ARM)
    assert max(still.frame(0, y) for y in (0, 3, 6, 9)) == 0


def test_when_the_camera_moves_nobody_is_learnt_to_go_along():
    scene = Scene(DOOR)
    assert max(scene.frame(x, x, x) for x in (0, 3, 6, 9)) == 0


def test_where_nobody_is_surely_there_nothing_goes_along():
    company, alpha = Company(), np.full(SIZE, 0.0, np.float32)
    alpha[BODY > 0] = 0.8
    before = np.where(np.indices(SIZE)[1] < WIDTH // 2, 60, 170).astype(np.uint8)
    company.of(DOOR, alpha, before)
    assert not company.of(DOOR, alpha, np.where(DOOR > 0, 60, before).astype(np.uint8)).any()


def test_what_touches_an_arm_does_not_become_one_bit_by_bit():
    scene = Scene(ARM)
    for x in (0, 3, 6):
        scene.frame(x, x)
    shares = []
    for k in range(80):
        scene.grow(moved(ARM, 6) | box(30, 130, 196, min(198 + 2 * k, WIDTH)))
        shares.append(scene.frame(6, 0))
    assert max(shares[-20:]) < 0.2
