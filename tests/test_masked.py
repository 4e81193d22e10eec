import threading

import numpy as np
import pytest

from nbst_live.errors import MaskError, SourceEnded, SourceError, SourceStalled
from nbst_live.fakes import FakeSource
from nbst_live.mask.seen import Sight
from nbst_live.masked import Found, Masked, MaskedFrames

PICTURE = np.zeros((9, 16, 3), np.uint8)
SEEN = Sight().of(PICTURE, 16, 9)


def found(level):
    alpha = np.full((9, 16), level, np.float32)
    return Found(SEEN, alpha, alpha)


NOBODY = found(0)


def looked(frame):
    return Masked(frame, NOBODY, {"mask": 0.001})


def test_frames_come_in_order_each_with_its_own_mask_and_then_the_end():
    def look(frame):
        return Masked(frame, found(frame.index / 10), {})

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=5), look) as ahead:
        read = [ahead.read() for _ in range(5)]
        with pytest.raises(SourceEnded):
            ahead.read()
    assert [m.frame.index for m in read] == list(range(5))
    assert all(m.found.alpha[0, 0] == np.float32(m.frame.index / 10) for m in read)


def test_the_next_frame_is_masked_while_this_one_is_finished():
    reached = threading.Event()

    def look(frame):
        if frame.index == 1:
            reached.set()
        return looked(frame)

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=3), look) as ahead:
        ahead.read()
        assert reached.wait(5), "frame 1 was not masked before it was asked for"


def test_no_frame_is_read_before_the_one_before_it_was_taken():
    source = FakeSource(lambda _: PICTURE, frames=9)
    second = threading.Event()

    def look(frame):
        if frame.index == 1:
            second.set()
        return looked(frame)

    with MaskedFrames(source, look) as ahead:
        assert ahead.read().frame.index == 0
        second.wait(5)
        # Frame 1 waits to be taken; had the thread gone on, frame 2 would be read at once.
        assert ahead._found.get(timeout=5).frame.index == 1
        assert not ahead._turn.acquire(timeout=0.05)
        assert source.read().index == 2


def test_after_a_stall_it_goes_on_and_a_mask_that_failed_is_told_with_its_frame():
    def look(frame):
        return Masked(frame, MaskError("as asked") if frame.index == 1 else NOBODY, {})

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=3, stalls={1}), look) as ahead:
        ahead.read()
        with pytest.raises(SourceStalled):
            ahead.read()
        assert isinstance(ahead.read().found, MaskError)


def test_what_breaks_the_source_or_the_mask_is_raised_to_the_reader():
    def broken(frame):
        raise ZeroDivisionError

    for source, look, error in (
        (FakeSource(lambda _: PICTURE, frames=3, breaks_at=0), looked, SourceError),
        (FakeSource(lambda _: PICTURE, frames=3), broken, ZeroDivisionError),
    ):
        with MaskedFrames(source, look) as ahead, pytest.raises(error):
            ahead.read()


def test_closing_twice_ends_the_thread_whether_a_frame_waits_or_not():
    for reads in (0, 1, 3):
        ahead = MaskedFrames(FakeSource(lambda _: PICTURE, frames=3), looked)
        for _ in range(reads):
            ahead.read()
        ahead.close()
        ahead.close()
