import cv2
import numpy as np
import pytest

from nbst_live.backdrop.standpoint import FARTHEST, LONG, NUDGE, Standpoint, Step
from nbst_live.capture.synthetic import SyntheticClip

WIDTH, HEIGHT = 640, 360
ALL = np.full((HEIGHT, WIDTH), 255, np.uint8)
DRAWN = SyntheticClip(WIDTH + 200, HEIGHT, 1, noise=0, nobody=True).frame(0)
ROOMS = {"drawn": DRAWN, "soft": cv2.GaussianBlur(DRAWN, (0, 0), 6)}


@pytest.fixture(params=list(ROOMS))
def room(request):
    return ROOMS[request.param]


def view(room: np.ndarray, x: float) -> np.ndarray:
    """What a camera sees that has turned by `x` pixels to the right: the room has moved by as many to the left."""
    return cv2.warpAffine(room, np.array([[1, 0, -x], [0, 1, 0]], np.float32), (WIDTH, HEIGHT))


def noisy(rng: np.random.Generator, picture: np.ndarray, spread: float = 3) -> np.ndarray:
    return (picture + rng.normal(0, spread, picture.shape)).clip(0, 255).astype(np.uint8)


def walked(standpoint: Standpoint, frames: list[np.ndarray], seen: np.ndarray = ALL) -> list[Step]:
    return [step for frame in frames if (step := standpoint.step(frame, seen)) is not None]


@pytest.mark.parametrize("speed", [0.1, 1, 7])
def test_however_slowly_the_camera_pans_in_the_end_all_of_it_was_said(rng, room, speed):
    person = ALL.copy()
    person[60:, 200:330] = 0
    frames = [noisy(rng, view(room, speed * k)) for k in range(1 + round(40 / speed))]
    steps = walked(Standpoint(), frames, person)
    assert abs(sum(step.x for step in steps) + 40) < 4
    assert abs(sum(step.y for step in steps)) < 3
    assert all(step.together for step in steps)


def test_a_camera_that_stands_has_not_moved_whatever_the_noise_and_the_light(rng, room):
    for picture in (view(room, 0), np.full((HEIGHT, WIDTH, 3), 120, np.uint8)):
        lights = [1, 1.1, 0.9, 0.6] * (LONG // 3)
        assert walked(Standpoint(), [noisy(rng, (picture * light).clip(0, 255)) for light in lights]) == []


def test_a_camera_that_is_shaken_comes_back_to_where_it_was(rng, room):
    places = [50 + place for place in (0, 3, -3, 5, -1, 4, -5, 2) * (LONG // 6)] + [50]
    steps = walked(Standpoint(), [noisy(rng, view(room, x)) for x in places])
    assert len(steps) > 10
    assert abs(sum(step.x for step in steps)) <= NUDGE * WIDTH + 1


def test_when_near_and_far_go_by_unlike_it_says_that_not_all_has_moved_along(room):
    far, near = view(room, 0), view(room, 0)
    standpoint = Standpoint()
    standpoint.step(np.vstack([far[:180], near[180:]]), ALL)
    step = standpoint.step(np.vstack([view(DRAWN, 6)[:180], view(DRAWN, 20)[180:]]), ALL)
    assert step is not None
    assert not step.together


def test_beside_somebody_who_fills_most_of_the_picture_a_movement_is_seen(room):
    beside = ALL.copy()
    beside[:, 160:] = 0
    steps = walked(Standpoint(), [view(room, x) for x in (0, 12)], beside)
    assert [abs(step.x + 12) <= 2 for step in steps] == [True]


def test_where_next_to_nothing_of_the_room_is_seen_it_says_nothing(room):
    strip = np.zeros_like(ALL)
    strip[:, :60] = 255
    assert walked(Standpoint(), [view(room, x) for x in (0, 5, 10)], strip) == []


def test_a_camera_that_was_moved_while_somebody_covered_it_has_moved_once_it_is_seen_again(room):
    standpoint = Standpoint()
    assert walked(standpoint, [view(room, 0)] * 2) == []
    assert walked(standpoint, [np.zeros_like(view(room, 0))] * 5, np.zeros_like(ALL)) == []
    steps = walked(standpoint, [view(room, 12)] * 2)
    assert abs(sum(step.x for step in steps) + 12) <= 2


def test_what_would_be_a_leap_is_not_believed():
    """Blinds look alike wherever the camera looks; a camera that was turned away looks at another room."""
    standpoint, leap = Standpoint(), round(1.2 * FARTHEST * WIDTH)
    assert walked(standpoint, [view(DRAWN, 0), view(DRAWN, leap)]) == []
    assert walked(standpoint, [view(DRAWN, leap + 5)]) != []


@pytest.mark.parametrize("size", [(16, 16), (4000, 16), (16, 4000), (33, 17)])
def test_frames_of_any_shape_will_do(rng, size):
    standpoint, seen = Standpoint(), np.full(size, 255, np.uint8)
    for _ in range(3):
        standpoint.step(rng.integers(0, 256, (*size, 3), np.uint8), seen)
