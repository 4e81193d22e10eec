"""The scripts that train the network of the edge: what they draw and keep, and what is exported."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from edge_data import CHANNELS, Collector  # the scripts are not a package
from edge_net import CHANGE, CHANGED, COLOURS, FEATURES, HIGH, KEEP, LOW, PRIOR, EdgeNet, features
from edge_net import EdgeSolver as EdgeSolverNet
from edge_scenes import EdgePainter, Scene, loosen_hair
from mask_library import Layers, Library, read_figure
from train_edge import ALIKE, FORGETFUL, GRAIN, MISLED, Batch, loss_of

from nbst_live.mask.edge import ROWS, EdgeSolver, Samples
from nbst_live.models import custom, find
from nbst_live.shrink import shrink

SHAPE = 180, 320


class RedMasker:
    """Takes for somebody what is red, as the one person of these scenes is."""

    size = 144, 80

    def mask(self, picture: np.ndarray) -> np.ndarray:
        small = shrink(picture, *self.size)
        return np.clip((small[..., 2].astype(np.float32) - small[..., 0] - 20) / 60, 0, 1)


@pytest.fixture(scope="module")
def painter() -> EdgePainter:
    rows, columns = np.indices((200, 160))
    alpha = np.where(((rows - 150) / 120) ** 2 + ((columns - 80) / 40) ** 2 < 1, 255, 0).astype(np.uint8)
    photo = np.where(alpha[..., None] > 0, (20, 30, 220), (200, 190, 180)).astype(np.uint8)
    room = np.random.default_rng(1).integers(60, 200, (12, 20, 1)).repeat(3, axis=2).astype(np.uint8)
    room = room.repeat(10, axis=0).repeat(10, axis=1)
    return EdgePainter(Library([read_figure(photo, alpha)], [0], [Layers.of(room)], []), 3)


@pytest.fixture(scope="module")
def scenes(painter) -> list[Scene]:
    return [painter.moving(SHAPE) for _ in range(3)]


@pytest.fixture(scope="module")
def pixels(scenes) -> np.ndarray:
    collector = Collector(RedMasker(), SHAPE[::-1], EdgeSolver(find("edge-alpha"), threads=1), np.random.default_rng(0))
    return np.concatenate([collector.pixels(scene) for scene in scenes])


def test_a_figure_alone_is_its_colours_times_alpha(painter):
    figure = painter.figure(SHAPE)
    assert figure.shape == (*SHAPE, 4)
    assert (figure[..., :3].max(axis=2) <= figure[..., 3].astype(int) + 1).all()


def test_hair_adds_to_alpha_and_takes_nothing_away(painter):
    figure = painter.figure(SHAPE)
    image, alpha = loosen_hair(painter.rng, np.ascontiguousarray(figure[..., :3]), np.ascontiguousarray(figure[..., 3]))
    assert (alpha >= figure[..., 3]).all()
    assert alpha.sum() > 1.002 * figure[..., 3].sum()
    inside = figure[..., 3] == 255
    assert (image[inside] == figure[..., :3][inside]).all()


def test_somebody_moves_before_a_room_that_stays(painter):
    shots = list(painter.moving(SHAPE).shots())
    assert 44 <= len(shots) <= 60
    alphas = np.stack([shot.alpha for shot in shots])
    assert np.abs(np.diff(alphas, axis=0)).max() > 0.5
    empty = alphas.max(axis=0) == 0
    pictures = np.stack([shot.picture[empty].mean() for shot in shots])
    assert pictures.std() < 0.1 * pictures.mean()


def test_pixels_are_of_the_edge_and_bring_their_truth(pixels):
    assert pixels.shape[1] == CHANNELS
    assert len(pixels) > 10_000
    known, truth = (
        dict(zip(ROWS, np.split(pixels, np.cumsum(list(ROWS.values())), axis=1), strict=False)),
        pixels[:, -2],
    )
    assert 0 <= truth.min() <= truth.max() <= 1
    assert np.corrcoef(known["alpha"][:, 0].astype(np.float32), truth.astype(np.float32))[0, 1] > 0.5
    assert set(np.unique(known["known"] > 0.5)) == {False, True}


def test_the_network_learns_them(pixels):
    torch.manual_seed(0)
    net, batch = EdgeNet(), Batch.of(pixels[:: len(pixels) // 4000])
    assert batch.seen.shape[0] == FEATURES
    optimiser, losses = torch.optim.Adam(net.parameters(), 1e-2), []
    for _ in range(60):
        loss = loss_of(net(batch.seen), batch)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_what_is_forgotten_plays_no_part(pixels):
    some = pixels[:50].copy()
    other = some.copy()
    other[:, -6:-2] = 255 - other[:, -6:-2]  # the frame before and its matte
    forgotten = [Batch.of(rows, torch.zeros(50)).seen for rows in (some, other)]
    torch.testing.assert_close(*forgotten)


def test_who_is_misled_sees_something_wrong_and_need_not_keep_to_it(pixels):
    some = np.repeat(pixels[:1], 50, axis=0)
    some[:, 5] = 0.8  # the share kept of what was before
    misled, told = (Batch.of(some, torch.full((50,), share)) for share in (FORGETFUL + MISLED / 2, 1))
    assert not misled.keep.any()
    assert told.keep.all()
    assert len(misled.seen[CHANGE].unique()) > 40
    assert len(told.seen[CHANGE].unique()) == 1
    torch.testing.assert_close(misled.seen[KEEP], told.seen[KEEP])


def test_who_looks_like_the_room_is_told_by_nothing_but_alphas(pixels):
    some = pixels[:50].copy()
    batch = Batch.of(some, torch.full((50,), FORGETFUL + MISLED + ALIKE / 2))
    difference, axis, _, beside, room = batch.seen[:COLOURS].split(3)
    assert not axis.any()
    assert difference.abs().mean() < 2 * GRAIN
    torch.testing.assert_close(beside, room)
    alpha, keep, then = (torch.from_numpy(some[:, row].astype(np.float32)) for row in (6, 5, -3))
    prior = ((alpha - LOW) / (HIGH - LOW)).clamp(0, 1)
    torch.testing.assert_close(batch.seen[PRIOR], prior)
    torch.testing.assert_close(batch.seen[CHANGE], keep * (then / 255 - prior))
    same = CHANGED / (CHANGED + 6 * GRAIN**2)  # two colours that differ by the grain of both
    assert (batch.seen[FEATURES - 1] / keep).mean() > same - 0.1
    torch.testing.assert_close(batch.truth, Batch.of(some).truth)


def test_of_what_was_before_nothing_is_taken_that_is_not_kept():
    torch.manual_seed(0)
    net, seen = EdgeNet(), torch.rand(FEATURES, 20)
    assert net.rest[-1].bias is not None
    with torch.no_grad():
        net.rest[-1].bias[1] = 20  # all that can be taken is
        seen[PRIOR], seen[KEEP], seen[CHANGE] = 0.25, 1, 0.5
        torch.testing.assert_close(net(seen), torch.full((20,), 0.75))
        seen[KEEP], seen[CHANGE] = 0, 0
        found = net(seen)
        net.rest[-1].bias[1] = -20
        torch.testing.assert_close(net(seen), found)


def test_what_was_wrong_is_not_kept_for_the_sake_of_steadiness():
    one = torch.ones(1)
    batch = Batch(torch.zeros(FEATURES, 1), truth=0 * one, error_before=0.7 * one, keep=0.88 * one, weight=0.5 * one)
    kept, halved, mended = (float(loss_of(alpha * one, batch)) for alpha in (0.7, 0.35, 0.01))
    assert mended < halved < kept


def test_the_exported_file_is_the_network(tmp_path, pixels):
    net, path = EdgeNet(), tmp_path / "edge.onnx"
    torch.save(net.state_dict(), tmp_path / "checkpoint.pt")
    script = Path(__file__).resolve().parents[1] / "scripts/train_edge.py"
    subprocess.run([sys.executable, script, "--export", tmp_path / "checkpoint.pt", path], check=True, timeout=300)
    planes = np.ascontiguousarray(pixels[:777, : sum(ROWS.values())].T, np.float32)
    samples = Samples(*np.split(planes, np.cumsum(list(ROWS.values()))[:-1]))
    with torch.no_grad():
        rows = {name: torch.from_numpy(plane) for name, plane in samples._asdict().items()}
        expected = EdgeSolverNet(net)(*rows.values()).numpy()
        assert features(rows).shape == (FEATURES, 777)
    np.testing.assert_allclose(EdgeSolver(custom(path)).solve(samples), expected, atol=1e-5)
