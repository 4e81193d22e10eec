"""Readers of the virtual camera are counted from what the kernel says, here from a copy of its folders."""

import os
from pathlib import Path

import pytest

from nbst_live import v4l2
from nbst_live.sinks import loopback
from nbst_live.sinks.readers import RESCAN, RESCAN_READ, Readers

OURS, OTHER = "/dev/video11", "/dev/video10"


class Machine:
    """Two loopback devices and some processes."""

    def __init__(self, root: Path) -> None:
        self.proc, self.module, self.now = root / "proc", root / "module", 0.0
        self.module.mkdir()
        self.scans = 0
        self.opens({"self": [OURS]})

    def opens(self, nodes: dict[str, list[str]], unseen: int = 0) -> None:
        """These processes have these nodes open, and processes of other users `unseen` more."""
        for process, opened in nodes.items():
            folder = self.proc / process / "fd"
            folder.mkdir(parents=True, exist_ok=True)
            for link in folder.iterdir():
                link.unlink()
            for number, node in enumerate(["/dev/null", *opened]):
                (folder / str(number)).symlink_to(node)
            (self.proc / process / "comm").write_text("firefox\n")
        links = [str(link.readlink()) for link in self.proc.glob("*/fd/*")]
        (self.module / "refcnt").write_text(f"{sum(link in (OURS, OTHER) for link in links) + unseen}\n")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for number in (10, 11):
        (tmp_path / "sys" / f"video{number}").mkdir(parents=True)
    monkeypatch.setattr(loopback, "SYSFS", tmp_path / "sys")
    return Machine(tmp_path)


@pytest.fixture
def readers(machine: Machine) -> Readers:
    return Readers(OURS, machine.module, machine.proc, lambda: machine.now)


def test_a_program_that_opens_the_device_reads_it(machine: Machine, readers: Readers) -> None:
    assert not readers.any()
    machine.opens({"4711": [OURS]})
    assert readers.any()
    machine.opens({"4711": []})
    assert not readers.any()


def test_programs_of_other_users_count(machine: Machine, readers: Readers) -> None:
    machine.opens({}, unseen=1)
    assert readers.any()


def test_other_devices_in_use_are_no_readers(machine: Machine, readers: Readers) -> None:
    machine.opens({"4711": [OTHER, OTHER], "self": [OURS, OTHER]})
    assert not readers.any()
    machine.opens({"4712": [OURS]})
    assert readers.any()


def test_one_who_changes_to_our_device_is_seen_a_moment_later(machine: Machine, readers: Readers) -> None:
    machine.opens({"4711": [OTHER]})
    assert not readers.any()
    machine.opens({"4711": [OURS]})
    assert not readers.any()  # the count is the same
    machine.now += RESCAN
    assert readers.any()


def test_while_one_reads_and_the_count_stays_processes_are_seldom_looked_at(machine: Machine, readers: Readers) -> None:
    machine.opens({"4711": [OURS]})
    assert readers.any()
    machine.opens({"4711": [OTHER]})
    machine.now += RESCAN
    assert readers.any()
    machine.now += RESCAN_READ
    assert not readers.any()


def test_without_the_kernels_count_all_processes_are_looked_at(machine: Machine, readers: Readers) -> None:
    (machine.module / "refcnt").unlink()
    assert not readers.any()
    machine.opens({"4711": [OURS]})
    (machine.module / "refcnt").unlink()
    assert readers.any()


def test_who_has_a_device_open_is_named(machine: Machine) -> None:
    machine.opens({"4711": [OURS]})
    assert [str(holder) for holder in v4l2.holders(OURS, machine.proc)] == ["firefox (process 4711)"]
    assert v4l2.holders(OTHER, machine.proc) == []


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's /proc")
def test_this_programs_own_files_are_not_other_programs() -> None:
    assert str(os.getpid()) not in [str(pid) for pids in v4l2.open_nodes().values() for pid in pids]
    assert v4l2.own_nodes() == []
