"""The fakes misbehave as they are asked to: tests of everything else lean on that."""

import time

import numpy as np
import pytest
from media import grey, picture_of

from nbst_live.errors import MaskError, SourceError, SourceStalled
from nbst_live.fakes import FakeBackdrop, FakeMasker, FakeSource
from nbst_live.stages import Frame


def test_a_source_breaks_for_good() -> None:
    with FakeSource(picture_of, breaks_at=1) as source:
        assert source.read().index == 0
        for _ in range(2):
            with pytest.raises(SourceError, match="broke"):
                source.read()


def test_a_stall_takes_no_frame() -> None:
    with FakeSource([grey(1), grey(2)], stalls=(1,)) as source:
        assert source.read().index == 0
        with pytest.raises(SourceStalled):
            source.read()
        assert source.read().index == 1


def test_a_masker_fails_at_the_calls_named() -> None:
    with FakeMasker(lambda picture: np.full(picture.shape[:2], 0.5, np.float32), fails=(1,)) as masker:
        assert masker.mask(grey(0)).mean() == 0.5
        with pytest.raises(MaskError):
            masker.mask(grey(0))
        assert masker.mask(grey(0)).shape == grey(0).shape[:2]
    assert (masker.calls, masker.closings) == (3, 1)


def test_a_backdrop_remembers_what_it_saw() -> None:
    alpha = np.ones((2, 2), np.float32)
    with FakeBackdrop(grey(7)) as backdrop:
        backdrop.observe(Frame(grey(0), 0, 0.0, time.monotonic()), alpha)
        backdrop.observe(Frame(grey(0), 1, 0.1, time.monotonic()), None)
        alpha.fill(0)
        assert (backdrop.latest() == 7).all()
    (first, kept), second = backdrop.seen
    assert (first, second) == (0, (1, None))
    assert kept is not None
    assert kept.all()
