"""A mask whose session is lost is opened again: as before, then on the CPU."""

import logging

import numpy as np
import pytest

from nbst_live import app
from nbst_live.errors import MaskError, ProviderError
from nbst_live.fakes import FakeMasker
from nbst_live.mask import reviving
from nbst_live.mask.opinion import SecondOpinion
from nbst_live.mask.reviving import LOST_FRAMES, RevivingMasker
from nbst_live.settings import Settings

PICTURE = np.zeros((9, 16, 3), np.uint8)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(reviving, "RETRY_SECONDS", 0.0)


def masker(fails=()) -> FakeMasker:
    return FakeMasker(lambda picture: np.ones((9, 16), np.float32), fails)


def failures(tried: RevivingMasker, frames: int) -> int:
    count = 0
    for _ in range(frames):
        try:
            assert tried.mask(PICTURE).all()
        except MaskError:
            count += 1
    return count


def test_a_frame_that_fails_alone_opens_nothing():
    kept, asked = masker(fails={1, 2, 5}), []
    assert failures(RevivingMasker(kept, asked.append), 9) == 3
    assert asked == []


def test_a_lost_session_is_opened_again_and_said_to_be_back(caplog):
    lost, fresh, asked = masker(fails=range(2, 99)), masker(), []
    with RevivingMasker(lost, lambda on_cpu: asked.append(on_cpu) or fresh) as tried:
        assert failures(tried, 20) == LOST_FRAMES
        assert asked == [False]
        assert (lost.closings, fresh.closings) == (1, 0)
    assert fresh.closings == 1
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert "session on fake is lost" in said[0]
    assert "works again, on fake" in said[1]


def test_where_it_cannot_be_opened_as_before_the_cpu_takes_over():
    lost, on_the_cpu, asked = masker(fails=range(99)), masker(), []

    def reopen(on_cpu: bool) -> FakeMasker:
        asked.append(on_cpu)
        if not on_cpu:
            raise ProviderError("cuda failed to start, as asked")
        return on_the_cpu

    assert failures(RevivingMasker(lost, reopen), 20) == LOST_FRAMES + 1
    assert asked == [False, True]
    assert (lost.closings, on_the_cpu.calls) == (1, 20 - LOST_FRAMES - 1)


def test_the_fast_mask_that_takes_over_is_given_the_fine_one_to_ask(monkeypatch):
    fine_on_the_card, fast, asked = masker(fails=range(99)), masker(), masker()
    fine_on_the_card.name, fast.name = app.FINE, app.FAST
    opened, seconds = iter([fine_on_the_card, fast]), []
    monkeypatch.setattr(app, "open_masker", lambda *_, live: next(opened))
    monkeypatch.setattr(app, "_masker", lambda record, *_: asked if record.name == app.FINE_INT8 else None)
    monkeypatch.setattr(SecondOpinion, "ask", lambda _, second: seconds.append(second))
    with app.open_live_masker(Settings(), (16, 9), SecondOpinion()) as tried:
        assert failures(tried, 9) == LOST_FRAMES
    assert seconds == [None, asked]
