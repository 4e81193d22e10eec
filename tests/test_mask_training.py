"""The scripts that train the person mask: what they draw, what they start from, what they minimise."""

import random
import sys
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
import torch
from skimage.data import astronaut

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from mask_data import Painter  # the scripts are not a package
from mask_library import Layers, Library, read_figure
from mask_limbs import raise_arms
from mask_net import AlphaNet, MaskNet
from mask_start import start_from
from train_mask import loss_of

MODELS = Path(__file__).resolve().parents[1] / "models"
SHAPE = (96, 160)


@pytest.fixture(scope="module")
def library() -> Library:
    """One person, an ellipse that the lower edge cuts off, and one grey room."""
    rows, columns = np.indices((200, 160))
    alpha = np.where(((rows - 150) / 120) ** 2 + ((columns - 80) / 40) ** 2 < 1, 255, 0).astype(np.uint8)
    photo = np.where(alpha[..., None] > 0, (40, 90, 200), (200, 190, 180)).astype(np.uint8)
    figure = read_figure(photo, alpha)
    scene = np.dstack([photo, alpha])
    return Library([figure], [0], [Layers.of(np.full((120, 200, 3), 128, np.uint8))], [Layers.of(scene)])


def test_twins_are_one_scene_with_the_people_moved_by_a_pixel_or_so(library):
    painter, moved = Painter(library, 1), 0
    for _ in range(12):
        (first, alpha), (second, other) = painter.twins(SHAPE)
        assert first.shape == second.shape == (*SHAPE, 3)
        assert not np.array_equal(first, second)
        share = float((np.abs(alpha.astype(int) - other) > 127).mean())
        assert share < 0.5 * max(float((alpha > 127).mean()), 0.02)
        moved += share > 0
    assert moved > 4
    assert painter._moved == (0.0, 0.0)


def torso(x: int) -> np.ndarray:
    """Alpha of somebody as wide as 120 pixels around a column."""
    rows, columns = np.indices((160, 400))
    return np.where(((rows - 150) / 110) ** 2 + ((columns - x) / 60) ** 2 < 1, 255, 0).astype(np.uint8)


def dressed(alpha: np.ndarray) -> np.ndarray:
    return np.where(alpha[..., None] > 0, (60, 90, 200), (200, 190, 40)).astype(np.uint8)


@pytest.mark.parametrize("arms", [1, 2])
def test_a_raised_arm_is_the_persons_and_changes_nothing_else(arms):
    alpha = torso(200)
    image, grown = dressed(alpha), []
    for seed in range(20):
        armed, other = raise_arms(random.Random(seed), image, alpha, alpha, np.full_like(image, 90), arms)
        assert (other >= alpha).all()
        room = other == 0
        np.testing.assert_array_equal(armed[room], image[room])
        added = (other > 127) & (alpha == 0)
        count, _ = cv2.connectedComponents((other > 127).astype(np.uint8))
        assert count == 2 or arms == 2, "the arm hangs together with the person"  # of two one may be behind the other
        grown.append(int(added.sum()))
    assert np.median(grown) > 0.03 * (alpha > 0).sum()


def test_of_two_people_the_arms_are_one_persons_and_one_on_either_side():
    one, both = torso(120), np.maximum(torso(120), torso(280))
    sides = []
    for seed in range(20):
        _, alpha = raise_arms(random.Random(seed), dressed(both), both, one, np.zeros((160, 400, 3), np.uint8), 2)
        added = (alpha > 127) & (both == 0)
        assert not added[:, 345:].any(), "no arm grows from the other's far side"
        sides.append((added[:, :90].any(), added[:, 150:].any()))
    assert np.mean(sides, axis=0).min() > 0.6


def test_somebody_moved_by_a_pixel_gets_the_same_arm():
    for seed in range(30):
        first, second = random.Random(seed), random.Random(seed)
        for rng, x in ((first, 200), (second, 201)):
            alpha = torso(x)
            raise_arms(rng, dressed(alpha), alpha, alpha, np.zeros((160, 400, 3), np.uint8), 2)
        assert first.getstate() == second.getstate()


def test_where_nobody_is_no_arm_is_raised():
    image, nobody = np.full((96, 160, 3), 90, np.uint8), np.zeros((96, 160), np.uint8)
    armed, alpha = raise_arms(random.Random(1), image, nobody, nobody, image, 2)
    assert armed is image
    assert alpha is nobody


def test_the_loss_minds_errors_that_change_between_twins_alone():
    target = torch.zeros(4, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    steady = torch.where(target > 0, 6.0, -6.0)
    steady[:, :, 10, 10] = -6.0  # the same error in all
    restless = steady.clone()
    restless[1, :, 10, 10] = 6.0  # no error in one of the first pair
    assert loss_of(restless, target, twins=1) > loss_of(steady, target, twins=1)
    assert loss_of(restless, target) < loss_of(steady, target)
    apart = steady.clone()
    apart[3, :, 10, 10] = 6.0  # in none of the pairs
    assert loss_of(apart, target, twins=1) < loss_of(steady, target, twins=1)


@pytest.mark.parametrize(("kind", "tolerance"), [("fine", 1e-4), ("fast", 0.03)])
def test_a_training_can_start_from_an_exported_model(kind, tolerance):
    portrait = cv2.resize(astronaut(), (160, 160), interpolation=cv2.INTER_AREA)
    image = torch.from_numpy(np.ascontiguousarray(portrait.transpose(2, 0, 1)[None], np.float32) / 127.5 - 1)
    net = MaskNet(kind)
    start_from(net, MODELS / f"person-{kind}.onnx", [image, image.flip(3)])
    session = ort.InferenceSession(MODELS / f"person-{kind}.onnx", providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {"image": image.numpy()})
    with torch.inference_mode():
        alone = AlphaNet(net).eval()(image).numpy()
        together = AlphaNet(net).train()(torch.cat([image, image.flip(3)])).numpy()[:1]
    for found in (alone, together):  # its normalisation gives the same by its own statistics and by the batch's
        assert np.abs(found - expected).mean() < tolerance


def test_a_model_of_another_network_is_refused(tmp_path):
    torch.save({"average": {"module.encoder.stem.0.weight": torch.zeros(1)}}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match="not a checkpoint of this network"):
        start_from(MaskNet(), tmp_path / "checkpoint.pt", [])
