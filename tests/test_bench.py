"""`nbst-live bench` from end to end, on small pictures: that it says what it measured, not how fast this machine is."""

import json

from nbst_live.cli import main


def test_it_measures_all_its_phases_and_says_so(tmp_path, capsys):
    report = tmp_path / "bench.json"
    assert main(["bench", "--size", "320x180", "--steps", "4", "--threads", "1", "--json", str(report)]) == 0
    figures, table = json.loads(report.read_text(encoding="utf-8")), capsys.readouterr().out
    assert figures["size"] == [320, 180]
    for phase in ("idle", "solving", "camera"):
        assert figures[phase]["fps"] > 0
        assert f"{figures[phase]['fps']:.1f} frames/s" in table
    camera = figures["camera"]
    assert camera["fps"] < 1.5 * camera["camera_fps"], "no more frames than the camera has"
    assert camera["frames"] > 0
    assert camera["dropped"] >= 0
    assert {"mask", "key", "trimap", "matte", "composite", "send"} <= figures["stages"].keys()
    assert all(figures[phase]["steps_share"] > 0 for phase in ("solving", "camera"))
