"""The clip with known alpha: what the demo, the benchmark and other tests take for granted about it."""

import cv2
import numpy as np
import pytest

from nbst_live.capture.drawn_room import draw_room
from nbst_live.capture.synthetic import SyntheticClip, astronaut_cutout

WIDTH, HEIGHT, FRAMES = 320, 180, 90


@pytest.fixture(scope="module")
def clip() -> SyntheticClip:
    return SyntheticClip(WIDTH, HEIGHT, FRAMES)


@pytest.fixture(scope="module")
def quiet() -> SyntheticClip:
    return SyntheticClip(WIDTH, HEIGHT, FRAMES, noise=0)


def test_frames_and_alpha_have_the_stated_form(clip: SyntheticClip) -> None:
    assert len(clip) == FRAMES
    frame, alpha = clip.frame(0), clip.alpha(0)
    assert frame.shape == (HEIGHT, WIDTH, 3)
    assert frame.dtype == np.uint8
    assert alpha.shape == (HEIGHT, WIDTH)
    assert alpha.dtype == np.float32
    assert alpha.min() == 0
    assert alpha.max() == 1


def test_same_index_gives_the_same_frame_in_any_order(clip: SyntheticClip) -> None:
    again = SyntheticClip(WIDTH, HEIGHT, FRAMES)
    later = again.frame(50)
    np.testing.assert_array_equal(again.frame(3), clip.frame(3))
    np.testing.assert_array_equal(later, clip.frame(50))
    np.testing.assert_array_equal(again.alpha(50), clip.alpha(50))


def test_seed_changes_the_clip(clip: SyntheticClip) -> None:
    assert np.abs(SyntheticClip(WIDTH, HEIGHT, FRAMES, seed=8).frame(0).astype(int) - clip.frame(0)).mean() > 2


@pytest.mark.parametrize("size", [(160, 90), (320, 240), (1280, 720)])
def test_person_fills_a_webcam_share_and_reaches_the_lower_edge_throughout(size: tuple[int, int]) -> None:
    clip = SyntheticClip(*size, frames=900)
    for index in range(0, 900, 45):
        alpha = clip.alpha(index)
        assert 0.1 < alpha.mean() < 0.5
        lower_edge = np.flatnonzero(alpha[-1] == 1)
        assert lower_edge.size > 0.25 * size[0], "the person floats above the lower edge"
        assert np.ptp(lower_edge) == lower_edge.size - 1, "the person's lower edge has a hole"


def test_room_shows_exactly_where_nobody_is(quiet: SyntheticClip) -> None:
    bare = quiet.alpha(20) == 0
    np.testing.assert_array_equal(quiet.frame(20)[bare], quiet.room[bare])
    np.testing.assert_array_equal(quiet.room, draw_room(WIDTH, HEIGHT, 7))


def test_portrait_shows_where_the_person_is_opaque(quiet: SyntheticClip) -> None:
    portrait = cv2.cvtColor(pytest.importorskip("skimage.data").astronaut(), cv2.COLOR_RGB2BGR)
    # Area-averaged first, as the clip's own copy is: bare sampling at this size would alias.
    scale = HEIGHT / 512
    small = cv2.resize(portrait, (HEIGHT, HEIGHT), interpolation=cv2.INTER_AREA)
    pose = quiet.pose(20)
    pose[:, 2] += pose[:, :2] @ np.full(2, 0.5 / scale - 0.5)
    pose[:, :2] /= scale
    moved = cv2.warpAffine(small, pose, (WIDTH, HEIGHT))
    opaque = cv2.erode((quiet.alpha(20) == 1).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    difference = np.abs(quiet.frame(20)[opaque].astype(int) - moved[opaque])
    assert opaque.mean() > 0.1
    assert difference.mean() < 4


def test_noise_is_new_in_each_frame_and_of_the_stated_size() -> None:
    empty = SyntheticClip(WIDTH, HEIGHT, FRAMES, noise=3.0, nobody=True)
    first, second = (empty.frame(i).astype(np.float32) - empty.room for i in (0, 1))
    inside = np.abs(empty.room.astype(int) - 128) < 100  # away from 0 and 255, where noise is clipped
    assert 2.7 < first[inside].std() < 3.3
    assert abs(np.corrcoef(first[inside], second[inside])[0, 1]) < 0.05


def test_person_moves_smoothly(quiet: SyntheticClip) -> None:
    steps = [np.abs(quiet.alpha(i + 1) - quiet.alpha(i)).mean() for i in range(0, 80, 5)]
    assert max(steps) < 0.02, "the person jumps"
    assert np.abs(quiet.alpha(45) - quiet.alpha(0)).mean() > 0.01, "the person stands still"


def test_edge_has_no_halo(quiet: SyntheticClip) -> None:
    """What a half-covered pixel shows beyond its share of the room must be a colour: 0..255 times alpha."""
    for index in range(0, FRAMES, 10):
        alpha = quiet.alpha(index)[..., None]
        person = quiet.frame(index) - (1 - alpha) * quiet.room
        edge = np.broadcast_to((alpha > 0) & (alpha < 1), person.shape)
        assert (person[edge] > -2).all()
        assert (person - 255 * alpha)[edge].max() < 2


def test_nobody_leaves_an_empty_room() -> None:
    empty = SyntheticClip(WIDTH, HEIGHT, FRAMES, noise=0, nobody=True)
    assert not empty.alpha(0).any()
    np.testing.assert_array_equal(empty.frame(0), empty.room)


@pytest.mark.parametrize("index", [-1, FRAMES])
@pytest.mark.parametrize("nobody", [False, True])
def test_index_outside_the_clip_is_refused(index: int, nobody: bool) -> None:
    clip = SyntheticClip(WIDTH, HEIGHT, FRAMES, nobody=nobody)
    for read in (clip.frame, clip.alpha):
        with pytest.raises(IndexError, match="frames 0 to 89"):
            read(index)


def test_cutout_is_read_only_and_free_of_the_old_background() -> None:
    foreground, alpha = astronaut_cutout()
    assert (foreground.shape, alpha.shape) == ((512, 512, 3), (512, 512))
    with pytest.raises(ValueError, match="read-only"):
        alpha[0, 0] = 1
    portrait = pytest.importorskip("skimage.data").astronaut()
    old_background = portrait[:115, 110:340][alpha[:115, 110:340] == 0].mean()
    hair_edge = foreground[:115][(alpha[:115] > 0.3) & (alpha[:115] < 0.9)]
    assert np.median(hair_edge) < 0.7 * old_background, "pale rim around the brown hair"


@pytest.mark.parametrize("size", [(160, 90), (640, 480), (1920, 1080)])
def test_room_is_textured_at_any_size(size: tuple[int, int]) -> None:
    room = draw_room(*size)
    assert room.shape == (size[1], size[0], 3)
    grey = cv2.cvtColor(room, cv2.COLOR_BGR2GRAY).astype(np.float32)
    side = size[1] // 10
    blocks = grey[: side * 10, : size[0] // side * side].reshape(10, side, -1, side)
    assert (blocks.std(axis=(1, 3)) > 0.8).mean() > 0.95
    assert grey.std() > 30
