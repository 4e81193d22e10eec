import cv2
import numpy as np
import pytest

from nbst_live.backdrop import plate as plate_module
from nbst_live.backdrop.plate import ALONE, MARGIN, WIDE_MARGIN, Plate, fill
from nbst_live.capture.synthetic import SyntheticClip

WIDTH, HEIGHT = 320, 180


def small(alpha: np.ndarray) -> np.ndarray:
    return cv2.resize(alpha, (128, 72), interpolation=cv2.INTER_AREA)


def test_it_gathers_the_empty_room_without_a_trace_of_the_person():
    clip = SyntheticClip(WIDTH, HEIGHT, 60)
    empty = SyntheticClip(WIDTH, HEIGHT, 1, noise=0, nobody=True).frame(0).astype(int)
    plate = Plate(WIDTH, HEIGHT)
    for index in range(60):
        plate.add(clip.frame(index), small(clip.alpha(index)))
    known = plate.known == 255
    assert known.mean() > 0.5
    assert np.abs(plate.picture().astype(int) - empty)[known].max() <= 12
    assert np.abs(plate.picture().astype(int) - empty)[known].mean() < 1.5


def test_it_averages_the_cameras_noise(rng):
    room = np.full((HEIGHT, WIDTH, 3), 100, np.float32)
    plate = Plate(WIDTH, HEIGHT)
    for _ in range(30):
        noisy = np.clip(room + rng.normal(0, 6, room.shape), 0, 255).astype(np.uint8)
        plate.add(noisy, np.zeros((72, 128), np.float32))
    assert plate.picture().astype(np.float32).std() < 3


def test_a_room_that_was_handed_out_stays_what_it_was():
    plate = Plate(WIDTH, HEIGHT)
    plate.add(np.full((HEIGHT, WIDTH, 3), 50, np.uint8), person(slice(0, 72), slice(0, 64)))
    room = plate.room()
    picture, known = room.picture.copy(), room.known.copy()
    seen_often(plate, np.full((HEIGHT, WIDTH, 3), 70, np.uint8), NOBODY)
    np.testing.assert_array_equal(room.picture, picture)
    np.testing.assert_array_equal(room.known, known)


def test_it_learns_the_same_band_by_band(monkeypatch):
    clip = SyntheticClip(WIDTH, HEIGHT, 30)
    whole, banded = Plate(WIDTH, HEIGHT), Plate(WIDTH, HEIGHT)
    for index in range(30):
        picture, alpha = clip.frame(index), small(clip.alpha(index))
        whole.add(picture, alpha)
        with monkeypatch.context() as context:
            context.setattr(plate_module, "BAND", 7 * WIDTH)
            banded.add(picture, alpha)
    np.testing.assert_array_equal(banded.known, whole.known)
    # The last bit of a mean may differ, by where a row begins.
    assert np.abs(banded.picture().astype(int) - whole.picture()).max() <= 1
    assert (banded.picture() == whole.picture()).mean() > 0.999


def first_known(alpha: np.ndarray, row: int) -> float:
    """The first column that is known in a row, as a share of the width."""
    plate = Plate(WIDTH, HEIGHT)
    plate.add(np.full((HEIGHT, WIDTH, 3), 50, np.uint8), alpha)
    return int(np.argmax(plate.known[row])) / WIDTH


def test_nothing_near_the_person_is_taken():
    alpha = np.zeros((160, 288), np.float32)
    alpha[:, :144] = 1
    assert 0.5 + 0.9 * MARGIN <= first_known(alpha, 90) < 0.5 + 2 * MARGIN
    soft = cv2.GaussianBlur(alpha, (0, 0), 1)
    assert 0.5 + 0.9 * MARGIN <= first_known(soft, 90) < 0.5 + 2 * MARGIN


@pytest.mark.parametrize("level", [0.1, 0.7])
def test_far_less_is_taken_where_the_mask_is_unsure_over_more_than_an_edge(level):
    """Where a hand is half lost the rest of it may be lost altogether."""
    alpha = np.zeros((160, 288), np.float32)
    alpha[:, :137], alpha[100:120, 137:144] = 1, level
    assert first_known(alpha, 124) >= 0.5 + 0.9 * WIDE_MARGIN
    assert first_known(alpha, 30) < 0.5


def test_what_was_never_seen_is_filled_from_around_and_what_was_seen_stays():
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 2], picture[:, WIDTH // 2 :] = (40, 80, 120), (200, 160, 90)
    known = np.full((HEIGHT, WIDTH), 255, np.uint8)
    cv2.circle(known, (160, 100), 50, 0, -1)
    hidden = cv2.copyTo(picture, known)
    filled = fill(hidden, known)
    far = cv2.erode(known, np.ones((25, 25), np.uint8)) == 255
    assert np.abs(filled.astype(int) - picture)[far].max() <= 2
    assert np.abs(filled.astype(int) - picture)[known == 0].mean() < 30
    assert filled[known == 0].min() > 30


@pytest.mark.parametrize(
    "seen", [np.s_[:, :5], np.s_[:, 317:325], np.s_[177:179], np.s_[100:102, 300:302], np.s_[:, 3::40]]
)
def test_it_is_filled_from_strips_and_dots_too_thin_for_the_small_copy(seen):
    picture, known = np.zeros((360, 640, 3), np.uint8), np.zeros((360, 640), np.uint8)
    picture[seen], known[seen] = (40, 120, 200), 255
    assert np.abs(fill(picture, known).astype(int) - (40, 120, 200)).max() < 30


def test_it_learns_where_mask_and_key_both_see_room_and_at_times_by_the_mask_alone():
    left, right = np.zeros((2, 72, 128), np.float32)
    left[:, :40], right[:, 88:] = 1, 1
    plate, known = Plate(WIDTH, HEIGHT), []
    for _ in range(ALONE):
        plate.learn(np.full((HEIGHT, WIDTH, 3), 50, np.uint8), left, right)
        known.append((bool(plate.known[:, :80].any()), bool(plate.known[:, 240:].any())))
    assert known[:-1] == [(False, False)] * (ALONE - 1)
    assert known[-1] == (False, True)


def test_nothing_known_gives_grey():
    filled = fill(np.zeros((90, 160, 3), np.uint8), np.zeros((90, 160), np.uint8))
    assert (filled == 128).all()


def seen_often(plate: Plate, room: np.ndarray, alpha: np.ndarray, times: int = 10) -> None:
    for _ in range(times):
        plate.add(room, alpha)


def person(rows: slice, columns: slice) -> np.ndarray:
    alpha = np.zeros((72, 128), np.float32)
    alpha[rows, columns] = 1
    return alpha


NOBODY = np.zeros((72, 128), np.float32)
ROOM = SyntheticClip(WIDTH, HEIGHT, 1, noise=0, nobody=True).frame(0)


def test_a_person_whom_the_mask_misses_for_a_moment_leaves_no_trace():
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, ROOM, NOBODY)
    missed = ROOM.copy()
    missed[60:, 100:180] = np.where(ROOM[60:, 100:180] > 127, 0, 255)
    seen_often(plate, missed, NOBODY, 2)
    assert np.abs(plate.picture().astype(int) - ROOM).max() <= 2


@pytest.mark.parametrize("times", [3, 4, 5])
def test_one_contradiction_takes_nothing_over_once_a_pixel_was_seen_three_times(times):
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, ROOM, NOBODY, times)
    missed = ROOM.copy()
    missed[60:100, 100:150] = np.where(ROOM[60:100, 100:150] > 127, 0, 255)
    plate.add(missed, NOBODY)
    assert np.abs(plate.picture().astype(int) - ROOM).max() <= 2


def test_a_thing_that_was_moved_is_taken_over_soon_and_is_no_upset():
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, ROOM, NOBODY)
    other = ROOM.copy()
    other[60:100, 100:150] = np.where(ROOM[60:100, 100:150] > 127, 0, 255)
    seen_often(plate, other, NOBODY, 6)
    assert np.abs(plate.picture().astype(int) - other).max() <= 2
    assert plate.upsets == 0


def test_a_bump_of_the_camera_moves_all_that_is_known_along():
    large = SyntheticClip(WIDTH + 40, HEIGHT + 40, 1, noise=0, nobody=True).frame(0)
    before, after = large[20:-20, 20:-20], np.ascontiguousarray(large[13:-27, 32:-8])
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, np.ascontiguousarray(before), NOBODY)
    hidden = person(slice(30, 72), slice(40, 80))
    plate.add(after, hidden)
    assert plate.upsets == 1
    known = cv2.erode(plate.known, np.ones((9, 9), np.uint8)) == 255
    off = np.abs(plate.picture().astype(int) - after).max(axis=2)
    assert known[100:170, 110:190].mean() > 0.9, "what the person hides now was moved along"
    assert np.quantile(off[known], 0.9) < 30


def test_what_was_averaged_before_a_bump_stays_averaged_after_it(rng):
    """What contradicted the room where it was agrees with it where it has gone, and is not taken anew."""
    plate = Plate(WIDTH, HEIGHT)
    for _ in range(20):
        plate.add((ROOM + rng.normal(0, 5, ROOM.shape)).clip(0, 255).astype(np.uint8), NOBODY)
    moved = np.roll(ROOM, 6, axis=1)
    seen = (moved + rng.normal(0, 5, ROOM.shape)).clip(0, 255).astype(np.uint8)
    plate.add(seen, NOBODY)
    assert plate.upsets == 1
    inside = slice(20, -20), slice(20, -20)
    contradicted = (np.abs(moved[inside].astype(int) - ROOM[inside]) > 60).any(axis=2)
    errors = [
        (p[inside][contradicted] - moved[inside][contradicted].astype(np.float32)).std()
        for p in (plate.picture(), seen)
    ]
    assert errors[0] < 0.8 * errors[1]


def test_a_change_of_the_light_is_noticed_and_what_is_hidden_follows():
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, ROOM, NOBODY)
    dim = (ROOM * 0.55).astype(np.uint8)
    plate.add(dim, person(slice(20, 72), slice(40, 80)))
    assert plate.upsets == 1
    assert np.abs(plate.picture().astype(int) - dim).mean() < 3


def test_somebody_who_leans_in_with_their_shadow_does_not_change_the_light_of_what_they_hide():
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, ROOM, NOBODY)
    shaded = (ROOM * 0.5).astype(np.uint8)
    close = person(slice(0, 72), slice(30, 128))
    seen_often(plate, shaded, close, 6)
    assert plate.upsets == 0
    off = np.abs(plate.picture().astype(int) - ROOM).max(axis=2)
    assert off[:, 80:].max() <= 2, "what is hidden stays"
    assert np.abs(plate.picture().astype(int) - shaded).max(axis=2)[:, :60].max() <= 2, "what is seen is taken"


def test_the_room_is_another_object_after_each_look_and_does_not_change_by_itself():
    plate = Plate(WIDTH, HEIGHT)
    first = plate.room()
    plate.add(ROOM, NOBODY)
    second = plate.room()
    kept = second.picture.copy(), second.known.copy()
    plate.add(255 - ROOM, NOBODY)
    assert first is not second
    assert not first.known.any()
    assert (second.picture == kept[0]).all()
    assert (second.known == kept[1]).all()


def test_a_room_of_a_few_rows_may_change(rng):
    plate = Plate(4000, 16)
    nobody = np.zeros((16, 320), np.float32)
    for _ in range(3):
        room = rng.integers(0, 256, (16, 4000, 3), np.uint8)
        plate.add(room, nobody)
    assert plate.coverage == 1


def test_a_slow_pan_leaves_no_copies_and_what_is_hidden_moves_along():
    large = SyntheticClip(WIDTH + 100, HEIGHT, 1, noise=0, nobody=True).frame(0)
    plate = Plate(WIDTH, HEIGHT)
    hidden = person(slice(24, 72), slice(48, 80))
    seen_often(plate, np.ascontiguousarray(large[:, :WIDTH]), NOBODY)
    for x in range(2, 82, 2):
        view = np.ascontiguousarray(large[:, x : x + WIDTH])
        plate.add(view, hidden)
    off = np.abs(plate.picture().astype(int) - view).max(axis=2)
    known = cv2.erode(plate.known, np.ones((9, 9), np.uint8)) == 255
    assert known[:, : WIDTH - 100].mean() > 0.9
    assert off[known].mean() < 6
    assert plate.upsets > 3


def pan(plate: Plate, near: np.ndarray, far: np.ndarray, hidden: np.ndarray, ahead: int) -> np.ndarray:
    """Shows it a room of two halves, (HEIGHT, WIDTH + 200) each, past which the camera goes, past the `near` one
    `ahead` times as fast; the last view.
    """
    for step in range(41):
        left = 2 * step * ahead, 2 * step
        rows = slice(HEIGHT // 2), slice(HEIGHT // 2, None)
        views = [side[part, x : x + WIDTH] for side, x, part in zip((near, far), left, rows, strict=True)]
        plate.add(np.vstack(views), hidden if step else NOBODY)
    return np.vstack(views)


def test_a_slow_pan_past_a_soft_room_that_contradicts_nothing_is_followed_and_is_no_upset():
    large = cv2.GaussianBlur(SyntheticClip(WIDTH + 200, HEIGHT, 1, noise=0, nobody=True).frame(0), (0, 0), 9)
    plate, hidden = Plate(WIDTH, HEIGHT), person(slice(24, 72), slice(48, 80))
    view = pan(plate, large, large, hidden, ahead=1)
    off = np.abs(plate.picture().astype(int) - view).max(axis=2)
    behind = np.s_[90:170, 130:190]
    assert plate.known[behind].all(), "what is hidden moves along"
    assert off[behind].mean() < 5
    assert off[plate.known == 255].mean() < 4
    assert plate.upsets == 0


def test_somebody_whom_the_mask_misses_for_a_moment_after_a_bump_leaves_no_trace():
    large = SyntheticClip(WIDTH + 40, HEIGHT, 1, noise=0, nobody=True).frame(0)
    before, after = (np.ascontiguousarray(large[:, x : x + WIDTH]) for x in (0, 9))
    plate, hidden = Plate(WIDTH, HEIGHT), person(slice(24, 72), slice(48, 80))
    seen_often(plate, before, NOBODY)
    seen_often(plate, after, hidden)
    assert plate.upsets == 1
    missed, behind = after.copy(), np.s_[80:170, 130:190]
    missed[behind] = np.where(after[behind] > 127, 0, 255)
    plate.add(missed, NOBODY)
    assert np.median(np.abs(plate.picture().astype(int) - after)[behind]) <= 3


def test_somebody_whom_the_mask_misses_in_the_very_look_of_a_bump_leaves_no_trace():
    large = SyntheticClip(WIDTH + 40, HEIGHT, 1, noise=0, nobody=True).frame(0)
    before, after = (np.ascontiguousarray(large[:, x : x + WIDTH]) for x in (0, 9))
    plate, hidden, behind = Plate(WIDTH, HEIGHT), person(slice(24, 72), slice(48, 80)), np.s_[80:170, 130:190]
    seen_often(plate, before, NOBODY)
    seen_often(plate, before, hidden, 3)
    missed = after.copy()
    missed[behind] = np.where(after[behind] > 127, 0, 255)
    plate.add(missed, NOBODY)
    assert plate.upsets == 1
    taken = np.abs(plate.picture().astype(int) - missed)[behind].max(axis=2) <= 30
    assert taken.mean() < 0.1


def test_what_is_hidden_is_decided_soon_after_it_is_seen_again_after_a_bump():
    large = SyntheticClip(WIDTH + 40, HEIGHT, 1, noise=0, nobody=True).frame(0)
    before, after = (np.ascontiguousarray(large[:, x : x + WIDTH]) for x in (0, 9))
    plate, behind = Plate(WIDTH, HEIGHT), np.s_[80:170, 130:190]
    seen_often(plate, before, NOBODY, 12)
    seen_often(plate, after, person(slice(24, 72), slice(48, 80)), 3)
    other = after.copy()
    other[behind] = np.where(after[behind] > 127, 0, 255)
    seen_often(plate, other, NOBODY, 2)
    assert np.abs(plate.picture().astype(int) - other)[behind].max() <= 2


def test_after_a_long_pan_what_is_hidden_is_forgotten_beside_what_is_not_known(monkeypatch):
    large = SyntheticClip(WIDTH + 100, HEIGHT, 1, noise=0, nobody=True).frame(0)
    hidden, known = person(slice(24, 72), slice(48, 80)), []
    for stray in (plate_module.STRAY, 0.02):
        monkeypatch.setattr(plate_module, "STRAY", stray)
        plate = Plate(WIDTH, HEIGHT)
        for x in range(0, 60, 3):
            plate.add(np.ascontiguousarray(large[:, x : x + WIDTH]), hidden)
        # Of the person's place, at whose right end the room goes in.
        known.append(np.count_nonzero(plate.known[130, 120:190]))
    assert known[0] > known[1] + 8
    assert known[0] < 32


def test_a_light_that_is_not_the_same_for_all_has_what_is_hidden_forgotten():
    plate = Plate(WIDTH, HEIGHT)
    seen_often(plate, ROOM, NOBODY)
    patchy = ROOM.copy()
    patchy[:, : WIDTH // 2] = ROOM[:, : WIDTH // 2] // 3
    patchy[:, WIDTH // 2 :] = ROOM[:, WIDTH // 2 :] // 2 + 127
    plate.add(patchy, person(slice(20, 72), slice(56, 72)))
    assert plate.upsets == 1
    assert not plate.known[80:, 148:172].any()


def test_a_bump_that_moves_a_small_thing_too_leaves_what_is_hidden_known():
    large = SyntheticClip(WIDTH + 40, HEIGHT, 1, noise=0, nobody=True).frame(0)
    before, after = (np.ascontiguousarray(large[:, x : x + WIDTH]) for x in (0, 9))
    after[20:34, 20:34] = np.where(after[20:34, 20:34] > 127, 0, 255)
    plate, hidden = Plate(WIDTH, HEIGHT), person(slice(24, 72), slice(48, 80))
    seen_often(plate, before, NOBODY)
    plate.add(after, hidden)
    assert plate.known[80:170, 130:185].all()


def test_when_near_and_far_go_by_unlike_what_is_hidden_is_no_more_known():
    large = SyntheticClip(WIDTH + 200, HEIGHT, 1, noise=0, nobody=True).frame(0)
    near = np.ascontiguousarray(large[:, ::-1])
    plate, hidden = Plate(WIDTH, HEIGHT), person(slice(0, 72), slice(48, 80))
    pan(plate, near, large, hidden, ahead=2)
    assert not plate.known[:, 130:190].any()
    assert plate.known[:, :100].all()
