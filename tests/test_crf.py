import cv2
import numpy as np

from nbst_live.fakes import FakeMasker
from nbst_live.mask.crf import CrfMasker, mean_field
from nbst_live.mask.lattice import Lattice


def exact(points: np.ndarray, values: np.ndarray) -> np.ndarray:
    apart = ((points[:, None] - points[None]) ** 2).sum(axis=2)
    return np.exp(-apart / 2) @ values


def test_the_lattice_filters_as_the_gaussian_does(rng):
    for d in (1, 2, 5):
        points = rng.uniform(0, 4 if d < 5 else 2, (900, d)).astype(np.float32)
        values = np.sin(points.sum(axis=1)).astype(np.float32)
        lattice, ones = Lattice(points), np.ones(900, np.float32)
        found = lattice.filter(values) / lattice.filter(ones)
        truth = exact(points, values) / exact(points, ones)
        assert np.abs(found - truth).mean() < 0.06
        assert np.corrcoef(found, truth)[0, 1] > 0.98


def test_the_lattice_is_linear_and_nearly_symmetric_and_keeps_far_points_apart(rng):
    points = rng.uniform(0, 3, (60, 3)).astype(np.float32)
    points[30:] += 40
    lattice = Lattice(points)
    matrix = np.stack([lattice.filter(row) for row in np.eye(60, dtype=np.float32)])
    assert np.abs(matrix[:30, 30:]).max() == 0
    assert matrix.min() >= 0
    assert np.abs(matrix.sum(axis=0) - lattice.filter(np.ones(60, np.float32))).max() < 1e-4
    assert np.corrcoef(matrix.ravel(), matrix.T.ravel())[0, 1] > 0.98


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A light disc before a dark wall, at a network's size, and its alpha."""
    alpha = np.zeros((90, 160), np.uint8)
    cv2.circle(alpha, (80, 50), 28, 255, -1, cv2.LINE_AA)
    weight = alpha[..., None] / 255
    return (weight * 200 + (1 - weight) * 60).repeat(3, axis=2).astype(np.uint8), alpha / np.float32(255)


def test_mean_field_finds_the_pictures_edge_from_an_alpha_that_is_off():
    small, truth = scene()
    off = cv2.GaussianBlur(np.roll(truth, 3, axis=1), (0, 0), 2)
    found = mean_field(off, small)
    assert found.dtype == np.float32
    assert 0 <= found.min() <= found.max() <= 1
    assert np.abs(found - truth).mean() < 0.4 * np.abs(off - truth).mean()


def test_a_picture_without_edges_only_smooths_and_certainty_stays():
    truth = scene()[1]
    found = mean_field(truth, np.full((90, 160, 3), 90, np.uint8))
    assert found[50, 80] > 0.95
    assert found[5, 5] < 0.05


def test_the_masker_gives_the_refined_alpha_and_is_closed_once():
    small, truth = scene()
    off = np.roll(truth, 3, axis=1)
    masker = FakeMasker(lambda _: off)
    with CrfMasker(masker) as crf:
        found = crf.mask(cv2.resize(small, (640, 360)))
        assert crf.provider == "fake"
    assert masker.closings == 1
    assert np.abs(found - truth).mean() < np.abs(off - truth).mean()
