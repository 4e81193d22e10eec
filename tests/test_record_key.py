"""The key r begins and ends recordings; what takes long at that happens beside the live picture."""

import threading
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from media import grey, levels

from nbst_live.commands import live
from nbst_live.commands.recordings import Recordings, new_name
from nbst_live.controls import Command
from nbst_live.errors import SinkError
from nbst_live.fakes import FakeSink, FakeSource
from nbst_live.pipeline import Outputs
from nbst_live.settings import Settings

NOON = datetime(2026, 3, 1, 12)


class SlowRecorder(FakeSink):
    """Is opened and closed only once it may; `happened` says what was done, in order."""

    def __init__(self, happened: list[str], may: threading.Event) -> None:
        super().__init__()
        self.dropped = 3
        self._happened, self._may = happened, may
        self._wait("opened")

    def close(self) -> None:
        super().close()
        self._wait("closed")

    def _wait(self, what: str) -> None:
        self._may.wait(10)
        self._happened.append(what)


class Bench:
    """Recordings by `SlowRecorder`, beside another sink."""

    def __init__(self) -> None:
        self.happened, self.may, self.outputs = list[str](), threading.Event(), Outputs([FakeSink()])
        self.recordings = Recordings(self._open, self.outputs.sinks, self.happened.append)

    def press(self) -> None:
        self.recordings.toggle()
        self.happened.append("pressed")

    def settle(self) -> None:
        self.may.set()
        self.recordings.close()
        self.may.clear()

    def _open(self) -> SlowRecorder:
        return SlowRecorder(self.happened, self.may)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_the_live_picture_waits_for_neither_opening_nor_closing(bench: Bench) -> None:
    bench.press()
    assert len(bench.outputs.sinks) == 1
    bench.settle()
    assert len(bench.outputs.sinks) == 2
    bench.press()
    assert len(bench.outputs.sinks) == 1
    bench.settle()
    assert bench.happened == ["pressed", "opened", "pressed", "closed", "nbst-live: fake is finished"]


def test_a_press_while_one_is_being_opened_opens_no_second_one(bench: Bench) -> None:
    bench.press()
    bench.press()
    bench.settle()
    assert bench.happened == ["pressed", "pressed", "opened"]


def test_while_one_is_being_closed_another_one_can_begin(bench: Bench) -> None:
    bench.press()
    bench.settle()
    bench.press()
    bench.press()
    bench.settle()
    assert bench.happened[:4] == ["pressed", "opened", "pressed", "pressed"]
    assert {"opened", "closed"} < set(bench.happened[4:])
    assert len(bench.outputs.sinks) == 2


def test_a_recording_that_is_being_opened_when_the_program_ends_is_closed_too(bench: Bench) -> None:
    with bench.outputs, bench.recordings:
        bench.press()
        bench.may.set()
    assert bench.happened == ["pressed", "opened", "closed"]


def test_what_was_ended_stays_in_the_report(bench: Bench) -> None:
    for _ in range(2):
        bench.press()
        bench.settle()
    assert bench.recordings.ended == [{"name": "fake", "dropped": 3}]


def test_one_that_failed_is_followed_by_a_new_one(bench: Bench) -> None:
    bench.press()
    bench.settle()
    del bench.outputs.sinks[1]
    bench.press()
    bench.settle()
    assert len(bench.outputs.sinks) == 2
    assert bench.happened.count("opened") == 2


class Broken(FakeSink):
    dropped = 0

    def close(self) -> None:
        raise SinkError("the disk is full")


def test_what_fails_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    said, sinks = list[str](), list[FakeSink]()

    def refuse() -> FakeSink:
        raise SinkError("there is no such folder")

    for open_one in (refuse, Broken):
        recordings = Recordings(open_one, sinks, said.append)
        for _ in range(2):
            recordings.toggle()
            recordings.close()
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings == ["there is no such folder", "there is no such folder", "the disk is full"]
    assert said == sinks == []


@pytest.mark.logs_errors
def test_a_surprise_is_told_and_ends_nothing(caplog: pytest.LogCaptureFixture) -> None:
    recordings = Recordings(lambda: 1 // 0, [], print)
    recordings.toggle()
    recordings.close()
    assert [record.exc_info[0] for record in caplog.records] == [ZeroDivisionError]


def test_the_report_also_has_a_recording_that_failed_on_the_way() -> None:
    sinks = list[FakeSink]()
    recordings = Recordings(Broken, sinks, print)
    recordings.toggle()
    recordings.close()
    sinks.clear()
    recordings.look()
    assert [figures["dropped"] for figures in recordings.ended] == [0]
    recordings.toggle()
    recordings.close()
    assert len(sinks) == 1


@pytest.mark.parametrize(
    ("there", "stem"),
    [
        ((), "nbst-live-20260301-120000"),
        (("nbst-live-20260301-115959.mp4",), "nbst-live-20260301-120000"),
        (("nbst-live-20260301-120000.mp4",), "nbst-live-20260301-120000-2"),
        (("nbst-live-20260301-120000-001.mp4", "nbst-live-20260301-120000-2-001.mp4"), "nbst-live-20260301-120000-3"),
    ],
)
def test_a_name_is_used_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], stem: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in there:
        Path(name).touch()
    assert new_name(NOON) == Path(f"{stem}.mp4")


def test_recordings_within_one_second_are_all_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(live, "datetime", SimpleNamespace(now=lambda: NOON))
    source, outputs = FakeSource([grey(0)]), Outputs([FakeSink()])
    running = SimpleNamespace(source=source, outputs=outputs, preview=None, view=None)
    steering = live.Steering(running, Settings(), SimpleNamespace())
    for number in range(4):
        steering._do(Command.RECORD)
        steering.recordings.close()
        outputs.send(grey(50 * number), number / 25)
    shown = {path.stem[26:]: levels(path) for path in tmp_path.iterdir()}
    assert shown == {"": [(0, pytest.approx(0, abs=3))], "2": [(0, pytest.approx(100, abs=3))]}
    assert capsys.readouterr().err.count("is finished") == 2
