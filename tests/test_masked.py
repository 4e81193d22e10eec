import threading
import time

import numpy as np
import pytest

from nbst_live.errors import MaskError, SourceEnded, SourceError, SourceStalled
from nbst_live.fakes import FakeSource
from nbst_live.mask.seen import Sight
from nbst_live.mask.trimap import Trimaps
from nbst_live.masked import Found, Masked, MaskedFrames

PICTURE = np.zeros((9, 16, 3), np.uint8)
SEEN = Sight().of(PICTURE, 16, 9)
TRIMAP = Trimaps().make(np.zeros((9, 16), np.float32), SEEN)


def found(level):
    alpha = np.full((9, 16), level, np.float32)
    return Found(SEEN, alpha, alpha)


NOBODY = found(0)


def looked(frame):
    return Masked(frame, NOBODY, {"mask": 0.001})


def outlined(masked):
    return masked.outlined(TRIMAP, 0.002)


def test_frames_come_in_order_each_with_its_own_mask_and_then_the_end():
    def look(frame):
        return Masked(frame, found(frame.index / 10), {})

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=5), look, outlined) as ahead:
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

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=3), look, outlined) as ahead:
        ahead.read()
        assert reached.wait(5), "frame 1 was not masked before it was asked for"


def test_no_frame_is_read_before_the_one_before_it_was_taken():
    source = FakeSource(lambda _: PICTURE, frames=9)
    second = threading.Event()

    def look(frame):
        if frame.index == 1:
            second.set()
        return looked(frame)

    with MaskedFrames(source, look, outlined) as ahead:
        assert ahead.read().frame.index == 0
        second.wait(5)
        # Frame 1 waits to be taken; had the thread gone on, frame 2 would be read at once.
        assert ahead._found.get(timeout=5).frame.index == 1
        assert not ahead._turn.acquire(timeout=0.05)
        assert source.read().index == 2


def _until_awaited(ahead):
    deadline = time.monotonic() + 5
    while not ahead._awaited and time.monotonic() < deadline:
        time.sleep(0.001)
    assert ahead._awaited


class Outlining:
    """Notes who outlined which frame; `begun` tells when the first was."""

    def __init__(self) -> None:
        self.done: list[tuple[int, str]] = []
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self._one_at_a_time = threading.Lock()

    def __call__(self, masked):
        assert self._one_at_a_time.acquire(blocking=False), "two frames outlined at once"
        self.begun.set()
        self.may_end.wait(5)
        self.done.append((masked.frame.index, threading.current_thread().name))
        self._one_at_a_time.release()
        return outlined(masked)


def test_a_frame_that_nobody_waits_for_is_outlined_where_it_was_masked():
    outlining = Outlining()
    outlining.may_end.set()
    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=9), looked, outlining) as ahead:
        assert outlining.begun.wait(5)
        assert ahead.read().trimap is TRIMAP
        assert outlining.done[0] == (0, "mask")


def test_who_waits_for_a_frame_outlines_it_while_the_next_one_is_masked():
    outlining, waits, masked_next = Outlining(), threading.Event(), threading.Event()

    def look(frame):
        if frame.index == 0:
            waits.wait(5)
        if frame.index == 1:
            masked_next.set()
        return looked(frame)

    def when_it_waits():
        _until_awaited(ahead)
        waits.set()
        if masked_next.wait(5):
            outlining.may_end.set()

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=9), look, outlining) as ahead:
        other = threading.Thread(target=when_it_waits)
        other.start()
        assert ahead.read().trimap is TRIMAP
        other.join()
        assert masked_next.is_set()
        assert outlining.done[0] == (0, threading.current_thread().name)


def test_frames_are_outlined_one_after_the_other_in_their_order():
    outlining = Outlining()
    outlining.may_end.set()
    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=200), looked, outlining) as ahead:
        for _ in range(200):
            ahead.read()
    assert [index for index, _ in outlining.done] == list(range(200))


@pytest.mark.parametrize("waits", [True, False])
def test_an_outline_that_breaks_is_told_to_the_reader_and_holds_up_nobody(waits):
    broke, opened = threading.Event(), threading.Event()

    def look(frame):
        assert opened.wait(5)
        if waits:
            _until_awaited(ahead)
        return looked(frame)

    def broken(_):
        broke.set()
        raise ZeroDivisionError(threading.current_thread().name)

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=3), look, broken) as ahead:
        opened.set()
        if not waits:
            assert broke.wait(5)
        with pytest.raises(ZeroDivisionError, match=threading.current_thread().name if waits else "mask"):
            ahead.read()
        assert ahead._pen.acquire(timeout=5)
        ahead._pen.release()


def test_after_a_stall_it_goes_on_and_a_mask_that_failed_is_told_with_its_frame():
    def look(frame):
        return Masked(frame, MaskError("as asked") if frame.index == 1 else NOBODY, {})

    with MaskedFrames(FakeSource(lambda _: PICTURE, frames=3, stalls={1}), look, outlined) as ahead:
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
        with MaskedFrames(source, look, outlined) as ahead, pytest.raises(error):
            ahead.read()


def test_closing_twice_ends_the_thread_whether_a_frame_waits_or_not():
    for reads in (0, 1, 3):
        ahead = MaskedFrames(FakeSource(lambda _: PICTURE, frames=3), looked, outlined)
        for _ in range(reads):
            ahead.read()
        ahead.close()
        ahead.close()
