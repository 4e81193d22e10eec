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
    return Found(SEEN, np.full((9, 16), level, np.float32), None)


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


@pytest.mark.parametrize("ahead", [1, 2, 3])
def test_so_many_frames_are_read_ahead_and_no_more(ahead):
    source, looking = FakeSource(lambda _: PICTURE, frames=9), [threading.Event() for _ in range(9)]

    def look(frame):
        looking[frame.index].set()
        return looked(frame)

    with MaskedFrames(source, look, ahead) as frames:
        assert frames.read().frame.index == 0
        assert looking[ahead].wait(5)
        # So many wait to be taken; had the thread gone on, the next one would be read at once.
        waiting = [frames._found.get(timeout=5).frame.index for _ in range(ahead)]
        assert waiting == list(range(1, ahead + 1))
        assert not frames._turn.acquire(timeout=0.05)
        assert source.read().index == ahead + 1


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
    for reads, ahead in ((0, 1), (1, 1), (3, 1), (0, 2), (1, 2), (3, 2)):
        frames = MaskedFrames(FakeSource(lambda _: PICTURE, frames=3), looked, ahead)
        for _ in range(reads):
            frames.read()
        frames.close()
        frames.close()
