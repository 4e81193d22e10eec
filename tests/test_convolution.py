"""Convolutions with a border, whichever way they are computed: PyTorch's own, of a picture that was padded before."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nbst_live.gatys import convolution
from nbst_live.gatys.convolution import Border, Convolution, pad

BORDERS: tuple[Border, ...] = "zeros", "replicate", "reflect"


def padded(x: Tensor, border: Border) -> Tensor:
    return functional.pad(x, (1, 1, 1, 1), mode="constant" if border == "zeros" else border)


def with_gradient(found: Tensor, x: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    return found, torch.autograd.grad((found * weights).sum(), x)[0]


def off(found: Tensor, expected: Tensor) -> float:
    """Root mean square, as a share of what was expected."""
    return float(((found.float() - expected).norm() / expected.norm()).detach())


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Winograd's way, however small."""
    monkeypatch.setattr(convolution, "LARGE", 0)
    monkeypatch.setattr(convolution, "WIDE", 1)


@pytest.mark.parametrize("border", BORDERS)
def test_padding_is_pytorchs_and_so_is_its_gradient(border: Border) -> None:
    x, weights = torch.rand(2, 3, 5, 4, requires_grad=True), torch.rand(2, 3, 7, 6)
    own, plain = (with_gradient(y, x, weights) for y in (pad(x, border), padded(x, border)))
    torch.testing.assert_close(own, plain)


@pytest.mark.parametrize("rectified", [True, False])
@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("height", [2, 3, 4, 5, 6, 7, 16])
@pytest.mark.usefixtures("everywhere")
def test_winograds_way_gives_the_same(height: int, border: Border, rectified: bool) -> None:
    torch.manual_seed(height)
    x = torch.randn(2, 5, height, 9, requires_grad=True)
    kernel, bias, weights = torch.randn(7, 5, 3, 3), torch.randn(7), torch.rand(2, 7, height, 9)
    own, direct = (
        with_gradient(Convolution(kernel, bias, border, winograd=way)(x, rectified=rectified), x, weights)
        for way in (True, False)
    )
    expected = functional.conv2d(padded(x, border), kernel, bias)
    plain = with_gradient(expected.relu() if rectified else expected, x, weights)
    torch.testing.assert_close(direct, plain, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(own, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("everywhere")
def test_in_bfloat16_it_is_off_by_a_percent_at_most_and_its_gradient_by_two() -> None:
    torch.manual_seed(0)
    x, kernel, bias = torch.rand(1, 64, 30, 40), torch.randn(64, 64, 3, 3) / 24, torch.randn(64)
    x, weights = x.bfloat16().requires_grad_(), torch.randn(1, 64, 30, 40)
    found = Convolution(kernel.bfloat16(), bias.bfloat16(), "reflect")(x, rectified=False)
    exact = functional.conv2d(padded(x.float(), "reflect"), kernel, bias)
    (own, own_gradient), (plain, gradient) = (with_gradient(y, x, weights) for y in (found, exact))
    assert off(own, plain) < 0.01
    assert off(own_gradient, gradient.float()) < 0.02


@pytest.mark.parametrize("size", [(1, 5), (5, 1)])
def test_what_cannot_be_reflected_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected 2x2 pixels"):
        pad(torch.rand(1, 1, *size), "reflect")


def test_it_is_taken_where_a_layer_is_wide_and_its_picture_large(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    before = convolution._before
    monkeypatch.setattr(convolution, "_before", lambda x: taken.append(x.shape[1]) or before(x))
    for width, height in ((64, 160), (64, 40), (32, 640)):
        Convolution(torch.rand(width, width, 3, 3), torch.rand(width), "zeros")(torch.rand(1, width, height, 320))
    assert taken == [64]
