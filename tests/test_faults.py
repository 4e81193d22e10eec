"""The proof itself: a fault that does not hold is a failed row, and the witness sees the raw room."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "scripts"))

import faults  # the scripts are not a package
from faults import Fault, Outcome, Place, Skipped, check, fault, runner
from faults.witness import CLIP, FPS, Witness, frames_lost


def missed(_: Place) -> Outcome:
    check([], "one to be two")
    return Outcome()


def skipped(_: Place) -> Outcome:
    raise Skipped("no such device")


@pytest.mark.parametrize(
    ("inject", "row"),
    [
        (lambda _: Outcome(1.5, 2), {"passed": True, "skipped": False, "recover_s": 1.5, "frames_lost": 2}),
        (lambda _: Outcome(raw_room_frames=1), {"passed": False, "reason": "the raw room was seen"}),
        (missed, {"passed": False, "skipped": False, "reason": "expected one to be two"}),
        (skipped, {"passed": False, "skipped": True, "reason": "no such device"}),
    ],
)
def test_a_row_says_what_became_of_the_fault(tmp_path, monkeypatch, inject, row):
    monkeypatch.setattr(faults, "FAULTS", {})
    monkeypatch.setattr(runner, "FAULTS", faults.FAULTS)
    fault("a", "nothing")(inject)
    runner.inject_here("a", tmp_path, [])
    (tmp_path / "log.txt").write_text("")
    got = runner._row(faults.FAULTS["a"], tmp_path, "ended")
    assert {name: getattr(got, name) for name in row} == row
    runner.write_json(tmp_path / "rows.json", [got])
    assert json.loads((tmp_path / "rows.json").read_text())[0]["fault"] == "a"


def test_a_fault_that_ends_without_a_result_has_failed(tmp_path):
    (tmp_path / "log.txt").write_text("one\nlast words\n")
    row = runner._row(Fault("a", "nothing", missed), tmp_path, "its process ended with 1")
    assert (row.passed, row.skipped, row.reason) == (False, False, "its process ended with 1: last words")


def test_without_the_machine_its_faults_are_skipped(tmp_path):
    row = runner.run_one(Fault("a", "nothing", missed, vm=True), tmp_path, None)
    assert (row.passed, row.skipped) == (False, True)
    assert "skipped: needs the emulated machine" in runner.table([row])


def test_two_faults_of_one_name_are_a_mistake(monkeypatch):
    monkeypatch.setattr(faults, "FAULTS", {})
    fault("a", "nothing")(missed)
    with pytest.raises(ValueError, match="two faults"):
        fault("a", "nothing")(missed)


def test_the_witness_knows_the_frame_by_the_person_and_sees_the_raw_room():
    witness = Witness()
    raw, alpha = CLIP.frame(37), CLIP.alpha(37)[..., None]
    assert witness.nearest(raw)[0] == 37
    painted = (alpha * raw + (1 - alpha) * (raw ^ 128)).astype(np.uint8)
    witness.send(painted, 0)
    assert (witness.taken, witness.raw) == (1, 0)
    corner = painted.copy()
    corner[:40, :40] = raw[:40, :40]
    for picture in (raw, corner):
        witness.send(picture, 0)
    assert (witness.taken, witness.raw) == (3, 2)


def test_frames_lost_are_the_gaps_between_times():
    step = 1 / FPS
    assert frames_lost([0, step, 2.1 * step, 2.9 * step]) == 0
    assert frames_lost([0, step, 4 * step, 9 * step]) == 2 + 4
