"""VGG19 by torchvision's own download, from a server of the test: a narrow network in the place of the 550 MB.

torchvision comes with the extra of that name. It needs the torch that it was built for, so these tests skip where it is
missing or does not fit: pip install torch torchvision into an environment of its own, and run this file there.
"""

import hashlib
import io
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from nbst_live.errors import ModelError
from nbst_live.gatys import convolution
from nbst_live.gatys.settings import SolverSettings
from nbst_live.gatys.solver import GatysSolver
from nbst_live.gatys.vgg19 import VGG19, load_vgg19, torchvision_indices
from nbst_live.parsing import VGG19_LAYERS

NARROW = [2, 3, "M", 4, 5, "M", 6, 7, 8, 9, "M", 10, 11, 12, 13, "M", 14, 15, 16, 17, "M"]
WIDTHS = [width for width in NARROW if width != "M"]


@pytest.fixture
def models() -> Any:
    try:
        import torchvision.models
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"torchvision cannot be imported here: {error}; install torch and torchvision together")
    return torchvision.models


@pytest.fixture
def narrow(models) -> nn.Sequential:
    """A network of torchvision's own making, of few channels."""
    torch.manual_seed(0)
    return models.vgg.make_layers(NARROW, batch_norm=False)


def state_of(network: nn.Sequential, **more: torch.Tensor) -> dict[str, torch.Tensor]:
    return {f"features.{name}": value for name, value in network.state_dict().items()} | more


def packed(state: dict[str, torch.Tensor]) -> bytes:
    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


@pytest.fixture
def server(models, monkeypatch, tmp_path) -> Iterator[SimpleNamespace]:
    """Stands in for torchvision's server: hands out `body`, under a name that ends in the hash that torch checks."""
    hub = SimpleNamespace(body=b"", status=200, requests=0, cut=0)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.requests += 1
            self.send_response(hub.status)
            self.send_header("Content-Length", str(len(hub.body)))
            self.end_headers()
            self.wfile.write(hub.body[: len(hub.body) - hub.cut])

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, name="weights")
    thread.start()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))

    def offer(body: bytes, checksum: str = "") -> None:
        hub.body = body
        name = f"vgg19-{checksum or hashlib.sha256(body).hexdigest()[:8]}.pth"
        weights = models.VGG19_Weights.IMAGENET1K_V1.value
        monkeypatch.setattr(weights, "url", f"http://127.0.0.1:{http.server_port}/{name}")

    hub.offer, hub.cache = offer, tmp_path / "torch" / "hub" / "checkpoints"
    hub.close = http.server_close
    yield hub
    http.shutdown()
    thread.join()
    http.server_close()


def cached(server: SimpleNamespace) -> list[str]:
    return [file.name for file in server.cache.iterdir()] if server.cache.exists() else []


def test_the_weights_are_downloaded_once_and_give_torchvisions_activations(server, narrow):
    server.offer(packed(state_of(narrow, **{"classifier.0.weight": torch.zeros(2, 2)})))
    found = load_vgg19(precision=torch.float32)
    again = load_vgg19(precision=torch.float32)
    assert server.requests == 1
    assert len(cached(server)) == 1
    pooled = nn.Sequential(*(nn.AvgPool2d(2) if isinstance(part, nn.MaxPool2d) else part for part in narrow))
    picture = torch.rand(1, 3, 64, 48)
    x = (picture - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )
    places = dict(zip(torchvision_indices(), VGG19_LAYERS, strict=True))
    activations = found.extract(picture, VGG19_LAYERS)
    for place, part in enumerate(pooled):
        x = part(x)
        if place - 1 in places:  # the ReLU after a convolution
            torch.testing.assert_close(activations[places[place - 1]], x, rtol=1e-4, atol=1e-6)
    assert list(activations) == list(VGG19_LAYERS)
    torch.testing.assert_close(again.extract(picture, ["relu5_4"])["relu5_4"], activations["relu5_4"])


def test_a_room_can_be_painted_with_it(server, narrow):
    server.offer(packed(state_of(narrow)))
    settings = SolverSettings(features="vgg19", content_layer="relu5_2", size=64, steps=3, threads=1)
    random = np.random.default_rng(0)
    plate, painting = (random.integers(0, 256, (h, w, 3)).astype(np.uint8) for h, w in ((36, 64), (50, 40)))
    *_, last = GatysSolver(load_vgg19(), settings).solve(plate, [(painting, 1.0)])
    assert last.picture.shape == (36, 64, 3)
    assert np.isfinite(last.total)


def test_weights_of_another_checksum_are_refused_and_not_kept(server, narrow):
    server.offer(packed(state_of(narrow)), checksum="dcbb9e9d")
    with pytest.raises(ModelError, match=r"invalid hash value.*check the network"):
        load_vgg19()
    assert cached(server) == []


def test_a_download_that_breaks_off_is_an_error_and_leaves_nothing(server, narrow):
    server.offer(packed(state_of(narrow)))
    server.cut = 100
    with pytest.raises(ModelError, match="could not be loaded from http://127"):
        load_vgg19()
    assert cached(server) == []


def test_a_server_that_has_it_not_and_no_server_at_all_are_errors(server, narrow):
    server.offer(packed(state_of(narrow)))
    server.status = 404
    with pytest.raises(ModelError, match="404"):
        load_vgg19()
    server.close()
    with pytest.raises(ModelError, match="leave --features at compact"):
        load_vgg19()


def test_no_room_for_the_file_is_an_error(server, narrow, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    server.offer(packed(state_of(narrow)))
    with pytest.raises(ModelError, match="has room"):
        load_vgg19()


@pytest.mark.parametrize("body", [b"no weights", packed({"features.0.weight": torch.zeros(2, 3, 3, 3)})])
def test_a_file_that_is_not_vgg19s_weights_is_an_error(server, body):
    server.offer(body)
    with pytest.raises(ModelError, match="remove a broken file"):
        load_vgg19()


def test_a_layer_that_vgg19_lacks_is_an_error():
    state, width = {}, 3
    for index, out in zip(torchvision_indices(), WIDTHS, strict=True):
        state |= {f"features.{index}.weight": torch.zeros(out, width, 3, 3), f"features.{index}.bias": torch.zeros(out)}
        width = out
    with pytest.raises(ModelError, match="VGG19 has no layer relu9_9"):
        VGG19(state).extract(torch.rand(1, 3, 32, 32), ["relu9_9"])


def test_its_wide_layers_in_bfloat16_are_near_those_in_float32(monkeypatch):
    monkeypatch.setattr(convolution, "LARGE", 0)
    torch.manual_seed(0)
    state, width = {}, 3
    for index, out in zip(torchvision_indices(), [64] * 16, strict=True):
        state[f"features.{index}.weight"] = torch.randn(out, width, 3, 3) * (2 / (9 * width)) ** 0.5
        state[f"features.{index}.bias"] = torch.randn(out) / 10
        width = out
    picture, layers = torch.rand(1, 3, 48, 64), ["relu1_1", "relu2_1", "relu3_1"]
    exact, found = (VGG19(state, precision).extract(picture, layers) for precision in (torch.float32, torch.bfloat16))
    for layer, value in exact.items():
        assert found[layer].dtype == torch.bfloat16
        assert float((found[layer].float() - value).norm() / value.norm()) < 0.03


def test_without_torchvision_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision.models", None)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ModelError, match=r"pip install 'nbst-live\[torchvision\]'"):
        load_vgg19()
