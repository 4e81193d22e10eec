"""The scripts that train the difference key: what they draw, and what an untrained network gives."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from key_data import CHANNELS, CROP, CROPS, Scene, ScenePainter, pieces  # the scripts are not a package
from key_net import DifferenceKey, KeyNet
from mask_library import Layers, Library, read_figure

HEIGHT, WIDTH = 160, 288


class RedMasker:
    """Takes for somebody what is red, as the one person of these scenes is."""

    size = WIDTH, HEIGHT

    def mask(self, picture: np.ndarray) -> np.ndarray:
        return np.clip((picture[..., 2].astype(np.float32) - picture[..., 0] - 20) / 60, 0, 1)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rows, columns = np.indices((200, 160))
    alpha = np.where(((rows - 150) / 120) ** 2 + ((columns - 80) / 40) ** 2 < 1, 255, 0).astype(np.uint8)
    photo = np.where(alpha[..., None] > 0, (20, 30, 220), (200, 190, 180)).astype(np.uint8)
    room = np.random.default_rng(1).integers(60, 200, (12, 20, 1)).repeat(3, axis=2).astype(np.uint8)
    room = room.repeat(10, axis=0).repeat(10, axis=1)
    painter = ScenePainter(Library([read_figure(photo, alpha)], [0], [Layers.of(room)], []), RedMasker(), 3)
    return [painter.draw() for _ in range(40)]


def test_scenes_differ_in_what_is_known_and_come_at_the_networks_size(scenes):
    shares = [float((scene.known > 0).mean()) for scene in scenes]
    assert min(shares) == 0
    assert max(shares) == 1
    assert 0.2 < np.median(shares) < 1
    for scene in scenes:
        assert scene.picture.shape == scene.plate.shape == (HEIGHT, WIDTH, 3)
        assert scene.alpha.shape == scene.known.shape == scene.truth.shape == (HEIGHT, WIDTH)


def test_the_plate_is_the_room_where_nobody_is(scenes):
    apart = []
    for scene in scenes:
        empty = (scene.known > 0) & (scene.truth == 0)
        if empty.mean() > 0.2:
            difference = np.abs(scene.picture.astype(int) - scene.plate)[empty]
            apart.append(float(np.median(difference)))
    assert len(apart) > 10
    assert np.median(apart) < 12


def test_pieces_are_cut_from_edges(scenes):
    chance, near = np.random.default_rng(0), []
    for scene in scenes:
        planes = scene.planes()
        if planes is not None:
            cut = pieces(planes, chance)
            assert cut.shape == (CROPS, *CROP, CHANNELS)
            near.append((cut[:-1, ..., -1].mean() / 255, planes[..., -1].mean() / 255))
    of_pieces, of_all = np.mean(near, axis=0)
    assert of_pieces > of_all > 0


def test_an_untrained_network_leaves_alpha_as_it_is_and_a_trained_one_need_not():
    alpha = torch.rand(1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(0))
    alpha[..., WIDTH // 2 :] = 0
    picture = torch.full((1, HEIGHT, WIDTH, 3), 90, dtype=torch.uint8)
    room = torch.full((1, HEIGHT, WIDTH, 4), 90, dtype=torch.uint8)
    room[..., 3] = 255
    net, light, trust = KeyNet(), torch.ones(3), torch.ones(1)
    torch.testing.assert_close(DifferenceKey(net)(picture, alpha, room, light, trust), alpha, atol=4e-3, rtol=0)
    torch.nn.init.constant_(net.out.bias, 3.0)
    with torch.no_grad():
        assert float((DifferenceKey(net)(picture, alpha, room, light, trust) - alpha).abs().max()) > 0.1
        assert torch.equal(DifferenceKey(net)(picture, alpha, room, light, 0 * trust), alpha)
