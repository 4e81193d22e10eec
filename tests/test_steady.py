"""A picture in every slot of time, whatever comes; how steady that is scripts/fault_test measures."""

import threading

import numpy as np
import pytest

from nbst_live.sinks.steady import SteadyWriter


def new_buffer():
    return np.zeros(1, np.uint8)


def fill(value):
    return lambda buffer: buffer.fill(value)


class Written:
    """Collects what was written; `until` waits for so many."""

    def __init__(self) -> None:
        self.values: list[int] = []
        self._more = threading.Condition()

    def __call__(self, buffer) -> None:
        with self._more:
            self.values.append(int(buffer[0]))
            self._more.notify_all()

    def until(self, count: int) -> None:
        with self._more:
            assert self._more.wait_for(lambda: len(self.values) >= count, 10)


@pytest.fixture
def written():
    return Written()


def writer_of(written, fps=200.0):
    return SteadyWriter(new_buffer, written, fps)


def test_nothing_is_written_before_the_first_picture(written):
    writer = writer_of(written)
    writer.close()
    assert written.values == []


def test_the_last_picture_is_written_again_while_none_comes(written):
    writer = writer_of(written)
    writer.put(fill(7))
    written.until(5)
    writer.close()
    assert set(written.values) == {7}
    assert writer.repeated == len(written.values) - 1


def test_new_pictures_come_in_their_order_and_the_last_one_is_never_lost(written):
    writer = writer_of(written)
    for value in range(1, 60):
        writer.put(fill(value))
    writer.close()
    assert written.values == sorted(written.values)
    assert written.values[-1] == 59


def test_a_failure_reaches_the_next_put():
    failed = threading.Event()

    def broken(_):
        failed.set()
        raise OSError("no device")

    writer = SteadyWriter(new_buffer, broken, 100)
    writer.put(fill(1))
    failed.wait(10)
    writer._worker.join()
    with pytest.raises(OSError, match="no device"):
        writer.put(fill(2))
    writer.close()
