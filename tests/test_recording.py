"""How recordings are cut into files and steps of time, who encodes them, and the sound that goes with them."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from media import HEIGHT, WIDTH, grey, levels

from nbst_live.errors import SettingError, SinkError
from nbst_live.parsing import Split, split
from nbst_live.sinks import encoders
from nbst_live.sinks.encoders import choose
from nbst_live.sinks.microphone import JUMP_SECONDS, RATE, Block, MicrophoneTrack, SampleClock
from nbst_live.sinks.recorder import How, Recorder

SECONDS = 30


def recorded(path: Path, times: list[float], how: How) -> None:
    with Recorder(path, WIDTH, HEIGHT, 25, live=False, how=how) as recorder:
        for index, time in enumerate(times):
            recorder.send(grey(20 + 30 * index), 5 + time)


def test_constant_times_show_each_step_once_the_last_picture_again_where_one_is_missing(tmp_path: Path) -> None:
    recorded(tmp_path / "a.mp4", [0, 0.041, 0.05, 0.2, 0.24], How(times="constant"))
    shown = levels(tmp_path / "a.mp4")
    assert [time for time, _ in shown] == pytest.approx([n / 25 for n in range(7)], abs=1e-4)
    assert [level for _, level in shown] == pytest.approx([20, 50, 50, 50, 50, 110, 140], abs=3)


def test_a_split_recording_goes_on_in_numbered_files(tmp_path: Path) -> None:
    recorded(tmp_path / "a.mp4", [n / 25 for n in range(7)], How(split=Split(seconds=0.12)))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["a-001.mp4", "a-002.mp4", "a-003.mp4"]
    shown = [[level for _, level in levels(file)] for file in files]
    assert [len(part) for part in shown] == [3, 3, 1]
    assert [level for part in shown for level in part] == pytest.approx([20 + 30 * n for n in range(7)], abs=3)


def test_a_split_by_size_counts_what_lies_on_the_disk(tmp_path: Path, rng: np.random.Generator) -> None:
    with Recorder(tmp_path / "a.mkv", 320, 240, 25, live=False, how=How(split=Split(bytes=1e6))) as recorder:
        for index in range(75):
            recorder.send(rng.integers(0, 256, (240, 320, 3), np.uint8), index / 25)
    files = sorted(tmp_path.iterdir())
    assert len(files) > 1
    assert all(1e6 <= file.stat().st_size < 4e6 for file in files[:-1])
    assert sum(len(levels(file)) for file in files) == 75


@pytest.mark.parametrize(
    ("text", "parsed"), [("90s", Split(seconds=90)), ("1.5 h", Split(seconds=5400)), ("2GB", Split(bytes=2e9))]
)
def test_a_split_is_a_time_or_a_size(text: str, parsed: Split) -> None:
    assert split(text) == parsed


@pytest.mark.parametrize("text", ["", "30", "m", "1s", "10kB", "-3m", "1MB2", "nanh", 7, None])
def test_another_split_is_refused(text: object) -> None:
    with pytest.raises(SettingError, match="expected"):
        split(text)


def test_a_second_recording_to_the_same_file_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    path = tmp_path / "a.mp4"
    with Recorder(path, WIDTH, HEIGHT, 25, live=False) as first:
        first.send(grey(99), 0)
        with pytest.raises(SinkError, match="another program is recording to it"):
            Recorder(path, WIDTH, HEIGHT, 25, live=False)
        first.send(grey(99), 0.04)
    assert len(levels(path)) == 2
    with Recorder(path, WIDTH, HEIGHT, 25, live=False) as again:
        again.send(grey(99), 0)
    assert len(levels(path)) == 1


def test_an_encoder_is_taken_only_when_it_really_encodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders, "HARDWARE", {"none": "h264_none", "works": "mpeg4", "later": "libx264"})
    assert choose("auto", (WIDTH, HEIGHT), 25, live=True, quality=18).codec == "mpeg4"
    assert choose("auto", (WIDTH, HEIGHT), 25, live=False, quality=18).codec == "libx264"
    assert choose("x264", (WIDTH, HEIGHT), 25, live=True, quality=18).options["crf"] == "18"
    with pytest.raises(SinkError, match="h264_none is not in this build"):
        choose("none", (WIDTH, HEIGHT), 25, live=True, quality=18)


class Heard:
    """A microphone whose clock runs fast by `off`, and that says nothing for a while at `gap` seconds."""

    def __init__(self, off: float = 0.0, gap: float = 0.0) -> None:
        self.rate, self.channels = RATE, 1
        self._blocks = list(self._hear(off, gap))

    def _hear(self, off: float, gap: float) -> Iterator[Block]:
        for number in range(SECONDS * 50):
            at = number * 0.02 / (1 + off)
            if not (gap and gap <= at < gap + 1):
                time = at + np.arange(960) / RATE / (1 + off)
                beep = (time % 1 < 0.1) * np.sin(2 * np.pi * 1000 * time)
                yield Block(3 + at, (20000 * beep).astype(np.int16)[:, None])

    def take(self, until: float) -> Iterator[Block]:
        while self._blocks and self._blocks[0].time < until:
            yield self._blocks.pop(0)

    def wait_past(self, moment: float) -> None:
        pass


@pytest.mark.parametrize(("off", "gap", "missing"), [(0.0, 0, []), (2e-3, 0, []), (-2e-3, 0, []), (0.0, 10.5, [11])])
def test_sound_keeps_to_the_time_at_which_it_was_heard(tmp_path: Path, off: float, gap: float, missing: list) -> None:
    """Two in a thousand is ten times what a bad sound card's clock is off; unheeded it would be 60 ms here."""
    with av.open(tmp_path / "a.mp4", "w") as container:
        track = MicrophoneTrack(Heard(off, gap), container)
        track.start_at(3.5)
        for tenth in range(1, 10 * SECONDS - 20):
            track.write_until(tenth / 10)
        track.finish(SECONDS - 2)
    samples, times = [], []
    with av.open(tmp_path / "a.mp4") as container:
        for frame in container.decode(audio=0):
            samples.append(np.abs(frame.to_ndarray()[0]))
            times.append(frame.time + np.arange(frame.samples) / RATE)
    loud = np.concatenate(times)[np.concatenate(samples) > 0.2]
    beeps = loud[np.diff(loud, prepend=-1) > 0.3]
    wanted = [n - 0.5 for n in range(1, SECONDS - 1) if n not in missing]
    assert beeps == pytest.approx(wanted, abs=0.012)


def test_a_clock_of_samples_smooths_what_is_uneven_and_follows_a_gap(rng: np.random.Generator) -> None:
    clock = SampleClock(RATE)
    uneven = rng.uniform(-0.01, 0.01, 500)
    heard = [clock.note(number * 0.02 + off, 960) for number, off in enumerate(uneven)]
    assert np.abs(np.array(heard[100:]) - np.arange(100, 500) * 0.02).max() < 0.003
    assert clock.note(10 + 2 * JUMP_SECONDS, 960) == 10 + 2 * JUMP_SECONDS
