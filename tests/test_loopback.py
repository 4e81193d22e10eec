"""What v4l2loopback's device does is told by its capabilities, here given in place of the kernel's."""

import os
from pathlib import Path

import pytest

from nbst_live.sinks import loopback
from nbst_live.v4l2 import CAPTURE, OUTPUT, Holder


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "sys" / "video11").mkdir(parents=True)
    (tmp_path / "video11").touch()
    monkeypatch.setattr(loopback, "SYSFS", tmp_path / "sys")
    monkeypatch.setattr(loopback, "DEV", tmp_path)
    monkeypatch.setattr(loopback, "holders", lambda _: [])
    return str(tmp_path / "video11")


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    paths: list[str] = []
    monkeypatch.setattr(loopback, "release", paths.append)
    return paths


def test_a_free_device_is_left_alone(device: str, released: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_state", lambda _: OUTPUT)
    assert loopback.make_ready(device) is None
    assert released == []


@pytest.mark.parametrize("state", [0, CAPTURE])
def test_a_device_whose_writer_is_gone_is_freed(
    device: str, released: list[str], monkeypatch: pytest.MonkeyPatch, state: int
) -> None:
    monkeypatch.setattr(loopback, "_state", lambda _: state)
    monkeypatch.setattr(loopback, "_pictures_come", lambda _: False)
    assert loopback.make_ready(device) is None
    assert released == [device]


def test_a_device_that_is_written_to_is_busy_and_its_writer_named(
    device: str, released: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "_state", lambda _: CAPTURE)
    monkeypatch.setattr(loopback, "_pictures_come", lambda _: True)
    monkeypatch.setattr(loopback, "holders", lambda _: [Holder(7, "obs"), Holder(8, "firefox")])
    trouble = str(loopback.make_ready(device))
    assert "busy: another program writes to it, obs (process 7) and firefox (process 8); close that program" in trouble
    assert released == []


def test_whether_pictures_come_is_told_by_the_second_one(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers: list[bytes | Exception] = []

    def read(_descriptor: int, _count: int) -> bytes:
        answer = answers.pop(0) if answers else BlockingIOError()
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(os, "read", read)
    monkeypatch.setattr(loopback, "PATIENCE", 0.1)
    for given, comes in (
        ([], False),
        ([b"x"], False),  # the last picture of a writer that is gone
        ([b"x", BlockingIOError(), b"x"], True),
        ([OSError(16, "busy")], True),
        ([OSError(5, "nothing")], False),
    ):
        answers[:] = given
        assert loopback._pictures_come(device) is comes


def test_a_device_for_both_is_hidden_from_browsers_unless_a_program_holds_it_so(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "_state", lambda _: OUTPUT)
    assert loopback.hidden_from_browsers(device) is None
    monkeypatch.setattr(loopback, "_state", lambda _: CAPTURE | OUTPUT)
    assert "without exclusive_caps" in str(loopback.hidden_from_browsers(device))
    monkeypatch.setattr(loopback, "holders", lambda _: [Holder(8, "firefox")])
    assert loopback.hidden_from_browsers(device) is None


def test_who_keeps_an_old_format_is_named(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (loopback.SYSFS / "video11" / "format").write_text("YU12:640x480@30/1\n")
    assert loopback.after_opening(device, 640, 480) is None
    assert "told to keep its format; make it anew with `sudo modprobe -r" in str(loopback.after_opening(device, 64, 48))
    monkeypatch.setattr(loopback, "holders", lambda _: [Holder(8, "firefox")])
    assert "firefox (process 8) reads it and keeps the old format; close that" in str(
        loopback.after_opening(device, 64, 48)
    )


def test_without_permission_it_says_which_group(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.F_OK)
    assert "no permission for" in str(loopback.make_ready(device))
    assert "usermod -aG video $USER`, then log out" in str(loopback.make_ready(device))
