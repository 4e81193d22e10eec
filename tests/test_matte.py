from dataclasses import replace

import cv2
import numpy as np
import pytest

from nbst_live.errors import MaskError
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.evidence import Evidence, Rooms
from nbst_live.mask.flow import Flow
from nbst_live.mask.light import gains
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.seen import Sight
from nbst_live.mask.steady import HOLD, Steadiness
from nbst_live.mask.window import WHOLE
from nbst_live.models import find
from nbst_live.stages import Room, Seen, Trimap

WIDTH, HEIGHT = 640, 360
EDGE = EdgeSolver(find("edge-alpha"))


def scene(x: int) -> tuple[np.ndarray, np.ndarray]:
    """A light disc before a dark wall, and its true alpha (H, W) in [0, 1]."""
    alpha = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(alpha, (x, 180), 90, 255, -1, cv2.LINE_AA)
    weight = alpha[..., None] / 255
    return (weight * 210 + (1 - weight) * 60).repeat(3, axis=2).astype(np.uint8), alpha / np.float32(255)


def network_alpha(alpha: np.ndarray) -> np.ndarray:
    """What a network would say at its own size: soft, and off by a pixel of its own."""
    small = cv2.resize(alpha, (160, 90), interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.roll(cv2.GaussianBlur(small, (0, 0), 1.5), 1, axis=1)


def test_it_follows_the_frames_edge_better_than_enlarging_does():
    picture, truth = scene(300)
    alpha = network_alpha(truth)
    refined = MatteRefiner(EDGE, over_time=False).refine(alpha, picture).matte / 255
    enlarged = cv2.resize(alpha, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    assert np.abs(refined - truth).mean() < 0.5 * np.abs(enlarged - truth).mean()


def test_sure_person_is_255_and_sure_room_is_0_whatever_their_texture(rng):
    picture, truth = scene(300)
    noisy = np.clip(picture + rng.normal(0, 25, picture.shape), 0, 255).astype(np.uint8)
    matte = MatteRefiner(EDGE, over_time=False).refine(network_alpha(truth), noisy).matte
    inside = cv2.erode(truth, np.ones((61, 61))) == 1
    outside = cv2.dilate(truth, np.ones((61, 61))) == 0
    assert (matte[inside] == 255).all()
    assert (matte[outside] == 0).all()


def test_what_is_taken_for_somebody_up_to_what_is_surely_room_ends_softly():
    class Taking(EdgeSolver):
        def solve(self, samples):
            return np.ones(samples.picture.shape[1], np.float32)

    picture, truth = scene(300)
    alpha = network_alpha(truth)
    matte = MatteRefiner(Taking(find("edge-alpha")), over_time=False).refine(alpha, picture).matte
    steps = max(np.abs(np.diff(matte.astype(int), axis=axis)).max() for axis in (0, 1))
    assert (matte == 255).sum() > (truth == 1).sum()
    assert steps < 180  # without a limit it is 255


def test_where_nothing_moves_flicker_of_the_mask_is_damped(rng):
    picture, truth = scene(300)
    alpha = network_alpha(truth)
    steady, raw = MatteRefiner(EDGE), MatteRefiner(EDGE, over_time=False)
    mattes = [], []
    for _ in range(12):
        shaken = np.clip(alpha + rng.normal(0, 0.1, alpha.shape), 0, 1).astype(np.float32)
        for refiner, kept in zip((steady, raw), mattes, strict=True):
            kept.append(refiner.refine(shaken, picture).matte.astype(np.float32))
    flicker = [np.abs(np.diff(np.stack(kept[4:]), axis=0)).mean() for kept in mattes]
    assert flicker[0] < 0.6 * flicker[1]


def test_where_the_person_moves_nothing_lags():
    refiner = MatteRefiner(EDGE)
    for x in range(200, 440, 20):
        picture, truth = scene(x)
        matte = refiner.refine(network_alpha(truth), picture).matte
    alone = MatteRefiner(EDGE, over_time=False).refine(network_alpha(truth), picture).matte
    assert np.abs(matte.astype(int) - alone).mean() < 0.5


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (360, 640)])
def test_any_size_gives_a_matte_of_the_pictures_size(size):
    picture = np.full((*size, 3), 90, np.uint8)
    matte = MatteRefiner(EDGE).refine(np.full((90, 160), 0.5, np.float32), picture).matte
    assert matte.shape == size
    assert matte.dtype == np.uint8


def test_a_new_size_starts_anew():
    refiner = MatteRefiner(EDGE)
    picture, truth = scene(300)
    alpha = network_alpha(truth)
    refiner.refine(alpha, cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    afterwards = refiner.refine(alpha, picture).matte
    alone = MatteRefiner(EDGE, over_time=False).refine(alpha, picture).matte
    assert np.abs(afterwards.astype(int) - alone).mean() < 0.5


def test_a_known_room_makes_the_edge_truer():
    _, truth = scene(300)
    stripes = np.indices((HEIGHT, WIDTH)).sum(axis=0) // 20 % 2
    wall = np.where(stripes, 160, 60).astype(np.uint8)[..., None].repeat(3, axis=2)
    picture = (truth[..., None] * 210 + (1 - truth[..., None]) * wall).astype(np.uint8)
    empty = Room(wall, np.full(wall.shape[:2], 255, np.uint8))
    shifted = np.roll(network_alpha(truth), 2, axis=1)
    errors = [
        np.abs(MatteRefiner(EDGE, over_time=False).refine(shifted, picture, room).matte / 255 - truth).mean()
        for room in (None, empty)
    ]
    assert errors[1] < 0.4 * errors[0]


def test_the_known_room_counts_in_the_light_of_the_frame():
    picture, truth = scene(300)
    dark = Room(np.full_like(picture, 40), np.full(picture.shape[:2], 255, np.uint8))
    bright = Room(np.full_like(picture, 60), np.full(picture.shape[:2], 255, np.uint8))
    mattes = [
        MatteRefiner(EDGE, over_time=False).refine(network_alpha(truth), picture, room).matte for room in (dark, bright)
    ]
    assert np.abs(mattes[0].astype(int) - mattes[1]).mean() < 0.2


@pytest.mark.parametrize("light", [1.0, 0.7, 0.5])
@pytest.mark.parametrize("door", [20, 60, 100])
def test_what_has_opened_beside_somebody_is_room_whatever_was_known_there(rng, light, door):
    _, truth = scene(300)
    wall = np.full((HEIGHT, WIDTH, 3), 170, np.uint8)
    opened = (np.arange(WIDTH) > 360) & (np.arange(WIDTH) < 460)
    room = np.where(opened[:, None], door, wall)
    picture = light * (truth[..., None] * 210 + (1 - truth[..., None]) * room) + rng.normal(0, 2, wall.shape)
    empty = Room(wall, np.full(wall.shape[:2], 255, np.uint8))
    refiner = MatteRefiner(EDGE, over_time=False)
    matte = refiner.refine(network_alpha(truth), picture.clip(0, 255).astype(np.uint8), empty).matte
    assert matte[(truth == 0) & opened].mean() < 0.02 * 255


@pytest.mark.parametrize("stripe", [1, 2, 3])
def test_a_finely_patterned_room_is_believed(stripe):
    _, truth = scene(300)
    stripes = np.arange(WIDTH) // stripe % 2
    wall = np.where(stripes, 200, 40).astype(np.uint8)[None, :, None].repeat(HEIGHT, axis=0).repeat(3, axis=2)
    picture = (truth[..., None] * 120 + (1 - truth[..., None]) * wall).astype(np.uint8)
    known = np.full(wall.shape[:2], 255, np.uint8)
    refiner = MatteRefiner(EDGE, over_time=False)
    alpha = network_alpha(truth)
    trimap = refiner.trimap(alpha, Sight().of(picture, 160, 90))
    assert Rooms().known(Room(wall, known), trimap).belief.min() == 1


def test_the_cutout_lists_all_mixed_pixels_of_its_matte_with_their_alpha_and_colours():
    picture, truth = scene(300)
    cutout = MatteRefiner(EDGE).refine(network_alpha(truth), picture)
    levels = cutout.matte.reshape(-1)
    assert len(cutout.mixed) > 500
    assert (np.sort(cutout.mixed) == np.flatnonzero((levels > 0) & (levels < 255))).all()
    assert np.abs(cutout.alpha - levels[cutout.mixed] / 255).max() < 1e-6
    assert cutout.colours.shape == (3, len(cutout.mixed))


def seen(sight: Sight, grey: np.ndarray) -> Seen:
    """A grey picture at its own size."""
    return sight.of(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), *grey.shape[::-1])


def test_flicker_of_the_light_alone_is_no_movement(rng):
    picture, truth = scene(300)
    alpha, steady, sight = network_alpha(truth), Steadiness(), Sight()
    for light in (1.0, 1.02, 0.98):
        _, keep, _ = steady.update(alpha, sight.of((picture * light).astype(np.uint8), 160, 90))
    assert keep.min() > 0.6 * HOLD


def test_what_is_white_in_a_stronger_light_is_no_other():
    steady, sight, grey = Steadiness(), Sight(), np.full((90, 160, 3), 150, np.uint8)
    grey[:, 80:] = 250
    alpha = np.full((90, 160), 0.5, np.float32)
    steady.update(alpha, sight.of(grey, 160, 90))
    _, keep, _ = steady.update(alpha, sight.of((grey * 1.3).clip(0, 255).astype(np.uint8), 160, 90))
    assert keep[:, 100:].min() > 0.8 * HOLD


def test_small_pictures_leave_the_search_for_movement_as_it_was(rng):
    texture = cv2.GaussianBlur(rng.integers(0, 256, (90, 240), np.uint8), (0, 0), 3)
    before, now = (np.ascontiguousarray(texture[:, x : x + 160]) for x in (20, 23))
    flow, fresh = Flow(), Flow()
    flow.back(before[:22, :22].copy(), now[:22, :22].copy())
    np.testing.assert_array_equal(flow.back(now, before), fresh.back(now, before))


def test_what_was_known_moves_along_with_the_picture(rng):
    texture = cv2.GaussianBlur(rng.integers(0, 256, (120, 200), np.uint8), (0, 0), 3)
    texture = cv2.normalize(texture, None, 0, 255, cv2.NORM_MINMAX)
    steady, sight = Steadiness(), Sight()
    alpha = np.zeros((90, 160), np.float32)
    alpha[30:60, 50:90] = 1
    steady.update(alpha, seen(sight, texture[10:100, 20:180]))
    moved, keep, _ = steady.update(np.zeros_like(alpha), seen(sight, texture[10:100, 17:177]))
    assert keep[35:55, 60:85].min() > 0.5
    assert moved[35:55, 54:91].min() > 0.5
    assert moved[35:55, 45:50].max() < 0.2


def test_the_movement_is_that_of_the_whole_picture_and_nothing_is_kept_outside_of_the_window(rng):
    texture = cv2.GaussianBlur(rng.integers(0, 256, (90, 240), np.uint8), (0, 0), 3)
    sight, window = Sight(), (slice(30, 60), slice(50, 90))
    before, now = (seen(sight, texture[:, x : x + 160]) for x in (20, 23))
    alpha, found = np.full(now.grey.shape, 0.5, np.float32), []
    for steady, where in ((Steadiness(), WHOLE), (Steadiness(), window)):
        steady.update(alpha * 0, before, where)
        found.append(steady.update(alpha, now, where))
    (_, keep, flow), (steadied, kept, same) = found
    np.testing.assert_array_equal(flow, same)
    np.testing.assert_allclose(keep[window][8:-8, 8:-8], kept[window][8:-8, 8:-8], atol=1e-6)
    kept[window] = 0
    assert not kept.any()
    steadied[window] = 0.5
    assert (steadied == 0.5).all()


def test_an_alpha_of_another_frame_than_the_movement_is_since_is_not_kept():
    """One that the trimap never saw, as its mask had failed half way."""
    steady, sight, picture = Steadiness(), Sight(), np.full((90, 160, 3), 90, np.uint8)
    alpha = np.full((90, 160), 0.5, np.float32)
    steady.update(alpha, sight.of(picture, 160, 90))
    assert steady.update(alpha * 0, sight.of(picture, 160, 90))[0].min() > 0.4
    sight.of(picture, 160, 90)
    steadied, keep, movement = steady.update(alpha * 0, sight.of(picture, 160, 90))
    assert not any(plane.any() for plane in (steadied, keep, movement))
    assert steady.update(alpha, sight.of(picture, 160, 90))[1].min() > 0.8 * HOLD


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_without_an_edge_there_is_none_to_settle(level):
    picture = np.full((90, 160, 3), 90, np.uint8)
    cutout = MatteRefiner(EDGE).refine(np.full((45, 80), level, np.float32), picture)
    assert (cutout.matte == 255 * level).all()
    assert cutout.mixed.size == 0


def test_the_frame_before_and_its_matte_are_what_the_next_frame_is_told(monkeypatch):
    told = []

    class Recorded(Evidence):
        def __init__(self, trimap, frame, earlier, room):
            told.append(None if earlier is None else (earlier.frame.copy(), earlier.matte.copy()))
            super().__init__(trimap, frame, earlier, room)

    monkeypatch.setattr("nbst_live.mask.matte.Evidence", Recorded)
    refiner, pictures, mattes, held = MatteRefiner(EDGE), [], [], None
    for x in (300, 304, 310, 290):
        picture, truth = scene(x)
        pictures.append(picture)
        matte = refiner.refine(network_alpha(truth), picture).matte
        if held is not None:
            assert (held == mattes[-1]).all(), "valid until the next call but one"
        held = matte
        mattes.append(matte.copy())
    assert told[0] is None
    for (frame, matte), picture, expected in zip(told[1:], pictures, mattes, strict=False):
        assert (frame == picture).all()
        assert (matte == expected).all()
    assert not (mattes[0] == mattes[1]).all()


def test_a_light_that_jumps_is_believed_only_so_far():
    dark, bright = (np.full((9, 16, 3), level, np.uint8) for level in (0, 255))
    assert (gains(bright, dark) == 2).all()
    assert (gains(dark, bright) == 0.5).all()
    assert gains(bright, bright) == pytest.approx(1)


class FailingEdge(EdgeSolver):
    """The real solver, that fails when it is asked for the so-manieth time."""

    def __init__(self, fails_at: int) -> None:
        super().__init__(find("edge-alpha"))
        self._left = fails_at

    def solve(self, samples):
        self._left -= 1
        if self._left == 0:
            raise MaskError("failed, as asked")
        return super().solve(samples)


@pytest.mark.parametrize("fails_at", [3, 4])
def test_after_a_failure_half_way_nothing_of_the_frame_before_is_believed(fails_at):
    refiner = MatteRefiner(FailingEdge(fails_at))
    other, _ = scene(330)
    picture, truth = scene(300)
    sight = Sight()
    trimaps = [refiner.trimap(network_alpha(truth), sight.of(picture, 160, 90)) for _ in range(3)]
    refiner.settle(trimaps[0], other)
    with pytest.raises(MaskError):
        refiner.settle(trimaps[1], other)
    afterwards = refiner.settle(trimaps[2], picture).matte
    assert (afterwards == MatteRefiner(EDGE).settle(without_memory(trimaps[2]), picture).matte).all()


def without_memory(trimap: Trimap) -> Trimap:
    """Of the frame before nothing shall be kept."""
    fit = trimap.fit.copy()
    fit[..., 2] = 0
    return replace(trimap, fit=fit)
