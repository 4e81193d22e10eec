import cv2
import numpy as np
import pytest

from nbst_live.mask.matte import MatteRefiner

WIDTH, HEIGHT = 640, 360


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
    refined = MatteRefiner(over_time=False).refine(alpha, picture) / 255
    enlarged = cv2.resize(alpha, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)
    assert np.abs(refined - truth).mean() < 0.5 * np.abs(enlarged - truth).mean()


def test_sure_person_is_255_and_sure_room_is_0_whatever_their_texture(rng):
    picture, truth = scene(300)
    noisy = np.clip(picture + rng.normal(0, 25, picture.shape), 0, 255).astype(np.uint8)
    matte = MatteRefiner(over_time=False).refine(network_alpha(truth), noisy)
    inside = cv2.erode(truth, np.ones((61, 61))) == 1
    outside = cv2.dilate(truth, np.ones((61, 61))) == 0
    assert (matte[inside] == 255).all()
    assert (matte[outside] == 0).all()


def test_where_nothing_moves_flicker_of_the_mask_is_damped(rng):
    picture, truth = scene(300)
    alpha = network_alpha(truth)
    steady, raw = MatteRefiner(), MatteRefiner(over_time=False)
    mattes = [], []
    for _ in range(12):
        shaken = np.clip(alpha + rng.normal(0, 0.1, alpha.shape), 0, 1).astype(np.float32)
        for refiner, kept in zip((steady, raw), mattes, strict=True):
            kept.append(refiner.refine(shaken, picture).astype(np.float32))
    flicker = [np.abs(np.diff(np.stack(kept[4:]), axis=0)).mean() for kept in mattes]
    assert flicker[0] < 0.6 * flicker[1]


def test_where_the_person_moves_nothing_lags():
    refiner = MatteRefiner()
    for x in range(200, 440, 20):
        picture, truth = scene(x)
        matte = refiner.refine(network_alpha(truth), picture)
    alone = MatteRefiner(over_time=False).refine(network_alpha(truth), picture)
    assert np.abs(matte.astype(int) - alone).mean() < 0.5


@pytest.mark.parametrize("size", [(1, 1), (17, 33), (360, 640)])
def test_any_size_gives_a_matte_of_the_pictures_size(size):
    picture = np.full((*size, 3), 90, np.uint8)
    matte = MatteRefiner().refine(np.full((90, 160), 0.5, np.float32), picture)
    assert matte.shape == size
    assert matte.dtype == np.uint8


def test_a_new_size_starts_anew():
    refiner = MatteRefiner()
    for size in ((90, 160), (180, 320), (90, 160)):
        matte = refiner.refine(np.ones((36, 64), np.float32), np.zeros((*size, 3), np.uint8))
        assert (matte == 255).all()
