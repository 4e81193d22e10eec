"""The judge's own pooling; its networks are not part of the project."""

import sys
from pathlib import Path

import pytest
import torch
from torch.nn import functional

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

from style_teacher import pooled


@pytest.mark.parametrize("size", [(6, 8), (7, 5), (2, 2), (3, 2)])
def test_pooling_is_pytorchs_and_so_is_its_gradient(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 3, *size, requires_grad=True)
    weights = torch.rand(2, 3, size[0] // 2, size[1] // 2)
    own, plain = (
        (found, torch.autograd.grad((found * weights).sum(), x)[0])
        for found in (pooled(x), functional.max_pool2d(functional.relu(x), 2))
    )
    torch.testing.assert_close(own, plain)
