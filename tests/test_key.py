"""The difference key that ships, on scenes drawn here."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nbst_live.errors import MaskError
from nbst_live.mask import key as key_module
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.seen import Sight
from nbst_live.mask.window import WHOLE
from nbst_live.models import find
from nbst_live.stages import Room, Seen

SIZE = HEIGHT, WIDTH = 160, 288
ROWS, COLUMNS = np.indices(SIZE).astype(np.float32)


def oval(x: float, y: float, wide: float, high: float) -> NDArray[np.float32]:
    """Alpha of an oval, soft at its edge."""
    away = np.hypot((COLUMNS - x) / wide, (ROWS - y) / high)
    return np.clip((1 - away) * min(wide, high) + 0.5, 0, 1).astype(np.float32)


def textured(seed: int) -> NDArray[np.uint8]:
    chance = np.random.default_rng(seed)
    coarse = chance.integers(60, 200, (10, 18, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.uint8)


ROOM = textured(1)
BODY = np.maximum(oval(144, 150, 60, 90), oval(144, 55, 22, 28))
ARM = oval(215, 100, 34, 9)
PERSON = np.maximum(BODY, ARM)
DOUBTED = np.maximum(BODY, 0.3 * ARM)
"""What a mask says that is not sure of the arm."""


def before(room: NDArray[np.uint8], alpha: NDArray[np.float32], noise: float = 2.0) -> NDArray[np.uint8]:
    """A reddish person before a room, with a camera's noise."""
    mixed = alpha[..., None] * np.array([70, 80, 190]) + (1 - alpha[..., None]) * room
    return np.clip(mixed + np.random.default_rng(2).normal(0, noise, mixed.shape), 0, 255).astype(np.uint8)


def seen(picture: NDArray[np.uint8]) -> Seen:
    """A picture at its own size."""
    return Sight(over_time=False).of(picture, *picture.shape[1::-1])


def known(picture: NDArray[np.uint8], known: NDArray[np.bool_] | None = None) -> Room:
    where = np.full(picture.shape[:2], 255, np.uint8) if known is None else np.where(known, 255, 0).astype(np.uint8)
    return Room(picture, where)


def error(alpha: NDArray[np.float32]) -> float:
    return float(np.abs(alpha - PERSON).mean())


@pytest.fixture(scope="module")
def key() -> DifferenceKey:
    return DifferenceKey(find("room-key"))


def test_while_nothing_is_known_alpha_stays_itself(key: DifferenceKey):
    picture = before(ROOM, PERSON)
    assert key.correct(PERSON, seen(picture), None) is PERSON
    assert key.correct(PERSON, seen(picture), known(ROOM, np.zeros(SIZE, bool))) is PERSON


def test_what_the_mask_took_for_somebody_and_the_plate_knows_is_the_room(key: DifferenceKey):
    wide = np.maximum(PERSON, 0.8 * oval(85, 120, 30, 30))
    assert error(key.correct(wide, seen(before(ROOM, PERSON)), known(ROOM))) < 0.5 * error(wide)


def test_an_arm_of_which_the_mask_is_not_sure_is_found(key: DifferenceKey):
    found = key.correct(DOUBTED, seen(before(ROOM, PERSON)), known(ROOM))
    assert error(found) < 0.4 * error(DOUBTED)


def test_a_thing_that_is_put_beside_somebody_is_not_shown(key: DifferenceKey):
    picture, door = before(ROOM, BODY), (COLUMNS > 170) & (COLUMNS < 225) & (ROWS > 30)
    picture[door & (BODY == 0)] = (30, 35, 60)
    room = door & (cv2.dilate(BODY, np.ones((7, 7))) == 0)
    assert float(key.correct(BODY, seen(picture), known(ROOM))[room].mean()) < 0.02


def test_where_nothing_could_be_compared_who_went_along_is_forgotten():
    """An arm that the mask does not see at all, of somebody who walks to the right."""

    def scene(x: int) -> tuple[NDArray[np.float32], NDArray[np.float32], Seen]:
        body, arm = np.maximum(oval(100 + x, 150, 50, 90), oval(100 + x, 55, 20, 26)), oval(170 + x, 100, 34, 9)
        alpha = np.maximum(body, arm)[..., None]
        mixed = alpha * np.roll(textured(7), x, axis=1) * np.array([0.4, 0.5, 1.1]) + (1 - alpha) * ROOM
        noisy = np.clip(mixed + np.random.default_rng(x).normal(0, 2, mixed.shape), 0, 255).astype(np.uint8)
        return body, np.where(body < 0.01, arm, 0), seen(noisy)

    key = DifferenceKey(find("room-key"))
    for x in (0, 3, 6, 9, 12):
        body, arm, picture = scene(x)
        found = key.correct(body, picture, known(ROOM))
    assert found[arm > 0.9].mean() > 0.5
    key.believe(None, body, picture)
    assert key.correct(body, picture, known(ROOM))[arm > 0.9].mean() < 0.02


def test_a_thing_that_was_put_far_from_everybody_is_nobody(key: DifferenceKey):
    body = oval(60, 150, 40, 80)
    picture = before(ROOM, np.maximum(body, oval(250, 60, 18, 18)))
    assert key.correct(body, seen(picture), known(ROOM))[30:90, 215:].max() < 0.02


def test_where_somebody_has_left_whom_the_plate_still_holds_is_nobody(key: DifferenceKey):
    gone = oval(228, 90, 12, 12)
    found = key.correct(BODY, seen(before(ROOM, BODY)), known(before(ROOM, gone)))
    assert found[70:110, 214:242].max() < 0.02
    assert float(np.abs(found - BODY).mean()) < 0.01


def test_a_face_before_a_wall_of_its_colour_gets_no_hole(key: DifferenceKey):
    wall = ROOM.copy()
    wall[40:75, 130:158] = (70, 80, 190)
    found = key.correct(BODY, seen(before(wall, BODY)), known(wall))
    assert found[45:70, 135:153].min() > 0.9


@pytest.mark.parametrize("texture", [0.0, 3.0, 8.0, 14.0])
@pytest.mark.parametrize("seen_to", [WIDTH, 190, 144])
def test_a_shirt_in_the_colour_of_the_wall_gets_no_hole(key: DifferenceKey, texture: float, seen_to: int):
    """Whatever the wall's texture, and also where some of the wall was never seen."""
    rough = cv2.GaussianBlur(np.random.default_rng(3).normal(0, 1, SIZE), (0, 0), 3)
    wall = ROOM.copy()
    wall[:, 84:204] = np.clip(140 + texture * rough / rough.std(), 0, 255).astype(np.uint8)[:, 84:204, None]
    mixed = BODY[..., None] * 140 + (1 - BODY[..., None]) * wall
    picture = np.clip(mixed + np.random.default_rng(2).normal(0, 2, mixed.shape), 0, 255).astype(np.uint8)
    where = seen_to > COLUMNS
    found = key.correct(BODY, seen(picture), known(np.where(where[..., None], wall, 0).astype(np.uint8), where))
    assert found[cv2.erode(BODY, np.ones((9, 9))) >= 0.99].mean() > 0.95


@pytest.mark.parametrize("other", [textured(5), np.roll(ROOM, 9, axis=1)], ids=["another room", "moved"])
def test_a_plate_that_is_wrong_elsewhere_is_not_believed(key: DifferenceKey, other: NDArray[np.uint8]):
    np.testing.assert_allclose(key.correct(BODY, seen(before(ROOM, BODY)), known(other)), BODY, atol=1e-6)


@pytest.mark.parametrize("gain", [0.75, 1.25])
@pytest.mark.parametrize("alpha", [DOUBTED, np.maximum(PERSON, oval(60, 120, 25, 25))], ids=["too little", "too much"])
def test_the_light_may_change(key: DifferenceKey, gain: float, alpha: NDArray[np.float32]):
    lit = cv2.convertScaleAbs(before(ROOM, PERSON), alpha=gain)
    assert error(key.correct(alpha, seen(lit), known(ROOM))) < 0.7 * error(alpha)


@pytest.mark.parametrize("size", [(161, 287), (224, 208), (90, 77)])
def test_any_size_will_do(key: DifferenceKey, size: tuple[int, int]):
    alpha, picture = cv2.resize(BODY, size[::-1]), cv2.resize(before(ROOM, PERSON), size[::-1])
    found = key.correct(alpha, seen(picture), known(ROOM))
    assert found.shape == size
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1


def test_a_room_that_has_changed_is_seen_at_once(key: DifferenceKey):
    picture, partly = before(ROOM, PERSON), COLUMNS < 140
    first = key.correct(DOUBTED, seen(picture), known(ROOM, partly))
    second = key.correct(DOUBTED, seen(picture), known(ROOM))
    assert error(second) < error(first)


def test_one_room_serves_masks_of_several_sizes(key: DifferenceKey):
    room, picture = known(ROOM), before(ROOM, PERSON)
    first = key.correct(DOUBTED, seen(picture), room)
    half = key.correct(cv2.resize(DOUBTED, (144, 80)), seen(cv2.resize(picture, (144, 80))), room)
    assert half.shape == (80, 144)
    np.testing.assert_array_equal(key.correct(DOUBTED, seen(picture), room), first)


def test_a_failure_is_a_mask_error(key: DifferenceKey, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(key, "_session", object())
    with pytest.raises(MaskError, match="difference key failed"):
        key.correct(BODY, seen(before(ROOM, BODY)), known(ROOM))


def test_where_nobody_is_nobody_is_found(key: DifferenceKey):
    faint = np.minimum(BODY, 0.05).astype(np.float32)
    assert key.correct(faint, seen(before(ROOM, PERSON)), known(ROOM)) is faint


@pytest.mark.parametrize("x", [12, 60, 144, 230, 276])
def test_somebody_anywhere_is_found_as_with_the_whole_picture(
    key: DifferenceKey, x: int, monkeypatch: pytest.MonkeyPatch
):
    """The network is shown no more than its reach."""
    truth = np.maximum(oval(x, 150, 50, 90), oval(x, 55, 20, 26))
    picture, plate = before(ROOM, truth), known(ROOM)
    alpha = np.clip(cv2.GaussianBlur(truth, (0, 0), 4), 0, 1)
    found = key.correct(alpha, seen(picture), plate)
    monkeypatch.setattr(key_module, "_reached", lambda _: WHOLE)
    whole = key.correct(alpha, seen(picture), plate)
    assert np.abs(found - alpha).max() > 0.3
    np.testing.assert_allclose(found, whole, atol=0.02)
