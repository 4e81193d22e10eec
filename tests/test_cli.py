import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
from media import environment

from nbst_live import cli
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.commands import doctor, image, render
from nbst_live.errors import InputError
from nbst_live.sinks.recorder import Recorder

LONG = "x" * 300
"""No file can have such a name; what asks whether there is one must not fail for it."""


def run(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbst_live", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=240, **options)


@pytest.fixture
def style(tmp_path, rng):
    path = tmp_path / "style.png"
    cv2.imwrite(str(path), cv2.resize(rng.integers(0, 256, (12, 16, 3), np.uint8), (320, 240)))
    return path


@pytest.fixture
def clip(tmp_path):
    scene, path = SyntheticClip(320, 180, 20), tmp_path / "clip.mp4"
    with Recorder(path, 320, 180, 30, live=False) as recorder:
        for index in range(20):
            recorder.send(scene.frame(index), index / 30)
    return path


def said(capsys) -> str:
    """The one line of the error."""
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "Traceback" not in error
    assert error.startswith("nbst-live")
    return error


def status(*arguments: object) -> int:
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "--style is missing"),
        (("--style", "missing.jpg"), "neither a file nor a built-in style"),
        (("--style", "TEXT"), "is not a picture that can be decoded"),
        (("--style", "STYLE", "--input", "missing.mp4", "--record", "OUT"), "neither a file nor a camera"),
        (("--style", "STYLE", "--input", "TEXT", "--record", "OUT"), "expected a video clip"),
        (("--style", "STYLE", "--input", "99", "--record", "OUT"), "camera"),
        (("--style", "STYLE", "--input", "CLIP", "--record", "/nowhere/out.mp4"), "/nowhere"),
        (("--style", "STYLE", "--input", "CLIP", "--record", "out.txt"), ".txt"),
        (("--style", "STYLE", "--fps", "many"), "--fps: got 'many'"),
        (("--style", "STYLE", "--style-mix", "1:2", "--input", "CLIP"), "--style-mix: got 2 weights for 1 styles"),
        (("image", "STYLE", "--style", "STYLE", "--layer-weights", "1,2", "-o", "OUT.png"), "got 2 layer weights"),
        (("--style", "STYLE", "--provider", "cuda", "--input", "CLIP", "--record", "OUT"), "--provider cuda"),
        (("--style", "STYLE", "--mask-model", "none", "--input", "CLIP", "--record", "OUT"), "'none'"),
        (("--unknown",), "unrecognized arguments: --unknown"),
        (("pictures",), "expected an option or one of the commands"),
        (("image", "missing.jpg", "--style", "STYLE", "-o", "OUT.png"), "does not exist"),
        (("image", "STYLE", "-o", "OUT.png"), "--style is missing"),
        (("mask", "missing.jpg", "-o", "OUT.png"), "does not exist"),
        (("mask", "STYLE", "-o", "OUT.gif"), "expected .png"),
        (("mask", "STYLE", "-o", f"/nowhere/{LONG}.png"), "there is no folder /nowhere"),
        (("demo", "-o", "/nowhere"), "is not a folder"),
        (("demo", "-o", LONG), "is not a folder"),
        (("image", "STYLE", "-o", f"{LONG}.png", "--style", "swirl"), "File name too long"),
        (("image", LONG, "-o", "OUT.png", "--style", "swirl"), "does not exist"),
        (("--style", "STYLE", "--input", "CLIP", "--record", f"{LONG}.mp4"), "File name too long"),
        (("--style", "STYLE", "--size", f"{'9' * 5000}x9"), "expected WIDTHxHEIGHT"),
        (("--style", "STYLE", "--seed", "9" * 400), "expected a whole number"),
        (("--style", "STYLE", "--report", "/nowhere/r.json"), "there is no folder /nowhere"),
    ],
)
def test_wrong_input_gives_one_line_and_status_2(arguments, expected, style, clip, tmp_path, capsys):
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    names = {"STYLE": style, "CLIP": clip, "TEXT": text, "OUT": tmp_path / "out.mp4", "OUT.png": tmp_path / "out.png"}
    names["OUT.gif"] = tmp_path / "out.gif"
    assert status(*(names.get(argument, argument) for argument in arguments)) == 2
    assert expected in said(capsys)
    assert not (tmp_path / "out.mp4").exists()
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("wrong", [("--style", "missing.jpg"), ("--background", "missing.jpg"), ("--provider", "cuda")])
def test_an_error_costs_no_earlier_recording(wrong, style, clip, tmp_path):
    earlier = tmp_path / "out.mp4"
    earlier.write_bytes(b"an earlier recording")
    assert status("--style", style, "--input", clip, "--record", earlier, *wrong) == 2
    assert earlier.read_bytes() == b"an earlier recording"


def test_image_writes_over_no_photo_and_no_result(style, tmp_path, capsys):
    for arguments in ((style, "-o", tmp_path), (style, "-o", tmp_path / "o.png", "--mask-out", tmp_path / "o.png")):
        before = style.read_bytes()
        assert status("image", *arguments, "--style", "swirl") == 2
        assert "would be written over" in said(capsys)
        assert style.read_bytes() == before
    assert status("image", style, "-o", "/nowhere/o.png", "--style", "swirl") == 2
    assert "there is no folder /nowhere" in said(capsys)


def test_a_mask_is_not_written_over_its_own_input(clip, style, tmp_path, capsys):
    film = tmp_path / "film.mkv"
    film.write_bytes(clip.read_bytes())
    for given in (film, style):
        before = given.read_bytes()
        assert status("mask", given, "-o", given) == 2
        assert "would be written over" in said(capsys)
        assert given.read_bytes() == before


@pytest.fixture
def no_painting(monkeypatch):
    """Fails a test whose command starts to paint."""
    for module in (image, render):
        monkeypatch.setattr(module, "paint", lambda *_, **__: pytest.fail("painted before it looked at what is asked"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("image", "PHOTO", "-o", "out.xyz"), "'.xyz' is no picture format"),
        (("image", "PHOTO", "-o", "OUT.png", "--mask-out", "m.xyz"), "'.xyz' is no picture format"),
        (("--input", "CLIP", "--record", "CLIP"), "it is the clip being read"),
        (("--input", "CLIP", "--record", "OUT.mp4", "--audio", "default"), "--audio records a microphone"),
        (("--input", "CLIP", "--record", "OUT.mp4", "--encoder", "amf"), "encoder h264_amf"),
        (("--input", "CLIP", "--record", "OUT.mp4", "--virtual-camera", "none of this name"), "virtual camera"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is_painted(
    arguments, expected, no_painting, style, clip, tmp_path, capsys
):
    names = {"PHOTO": style, "CLIP": clip, "OUT.png": tmp_path / "out.png", "OUT.mp4": tmp_path / "out.mp4"}
    before = clip.read_bytes()
    assert status(*(names.get(argument, argument) for argument in arguments), "--style", "swirl") == 2
    assert expected in said(capsys)
    assert clip.read_bytes() == before
    assert not (tmp_path / "out.mp4").exists()


@pytest.mark.parametrize("arguments", [("image", "PHOTO", "-o", "OUT.png"), ("--input", "CLIP", "--record", "OUT.mp4")])
def test_of_several_styles_that_are_not_mixed_the_first_is_used_with_a_word(
    arguments, monkeypatch, style, clip, tmp_path, capsys
):
    for module in (image, render):
        monkeypatch.setattr(module, "paint", Mock(side_effect=InputError("far enough")))
    names = {"PHOTO": style, "CLIP": clip, "OUT.png": tmp_path / "out.png", "OUT.mp4": tmp_path / "out.mp4"}
    given = [names.get(argument, argument) for argument in arguments]
    for mix, warnings in ((), 1), (("--style-mix", "1:2"), 0):
        assert status(*given, "--style", "swirl", "--style", "ink", *mix) == 2
        said = capsys.readouterr().err
        assert said.count("got 2 styles, only swirl is painted in; --style-mix W:W") == warnings
        assert "far enough" in said


def test_who_reads_no_further_gets_no_complaint():
    ours, theirs = os.pipe()
    os.close(ours)
    with os.fdopen(theirs, "w") as closed:
        command = [sys.executable, "-m", "nbst_live", "styles"]
        ended = subprocess.run(command, stdout=closed, stderr=subprocess.PIPE, check=False, timeout=60)
    assert (ended.returncode, ended.stderr) == (cli.PIPE_STATUS, b"")


@pytest.mark.parametrize("name", ["~nobody-of-this-name/a.jpg", LONG])
def test_a_name_that_no_file_can_have_is_a_missing_file(name, clip, tmp_path, capsys):
    assert status("--style", name, "--input", clip, "--record", tmp_path / "out.mp4") == 2
    assert "neither a file nor a built-in style" in said(capsys)


def test_without_any_output_the_missing_virtual_camera_is_an_error_with_its_remedy(style, clip, capsys):
    if any(Path("/dev").glob("video*")):
        pytest.skip("this machine has video devices")
    assert status("--style", style, "--input", clip) == 2
    assert "--no-virtual-camera" in said(capsys)
    assert status("--style", style, "--input", clip, "--no-virtual-camera") == 2
    assert "no output is left" in said(capsys)


def test_help_lists_every_command(capsys):
    assert status("--help") == 0
    text = capsys.readouterr().out
    assert all(f"\n  {name} " in text for name in cli.COMMANDS)


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name, capsys):
    assert status(name, "--help") == 0
    assert name in capsys.readouterr().out


def test_version(capsys):
    assert status("--version") == 0
    assert capsys.readouterr().out.startswith("nbst-live 0.")


def test_doctor_looks_only_at_what_is_asked(capsys):
    assert status("doctor", "places", "program") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[4:20].strip() for line in lines] == ["config file", "backdrop cache", "log file", "nbst-live"]
    assert status("doctor", "cellar") == 2
    assert "got part cellar, expected some of program, cameras, virtual-camera" in said(capsys)


def test_without_onnxruntime_a_line_says_what_to_install_and_doctor_goes_on(style, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert status("mask", style, "-o", tmp_path / "mask.png") == 2
    assert "needs onnxruntime" in (line := said(capsys))
    assert "pip install 'nbst-live[cpu]'" in line
    assert status("doctor", "mask", "program") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in lines] == ["!!", "  ", "ok"]
    assert "nbst-live[cpu]" in lines[0]


def test_doctor_shows_the_other_parts_where_one_fails(monkeypatch, capsys):
    monkeypatch.setattr(doctor, "list_cameras", Mock(side_effect=KeyError("video7")))
    assert status("doctor", "cameras", "program") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line[:2] for line in lines] == ["!!", "  ", "ok"]
    assert "KeyError: 'video7'" in lines[0]


def test_doctor_loads_torch_and_says_why_it_cannot(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", environment()["PYTHONPATH"])
    assert status("doctor", "solver") == 0
    assert capsys.readouterr().out.startswith("ok  solver          torch 2.")
    (tmp_path / "torch.py").write_text("raise OSError('[WinError 126] Error loading c10.dll\\nor another')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    assert status("doctor", "solver") == 0
    found, remedy = capsys.readouterr().out.splitlines()
    assert found.startswith("!!  solver")
    assert found.endswith("[WinError 126] Error loading c10.dll")
    assert "pip install --force-reinstall torch" in remedy


def test_styles_and_cache_and_doctor_report(capsys):
    assert status("styles") == 0
    assert len(capsys.readouterr().out.splitlines()) >= 6
    assert status("cache", "clear") == 0
    assert "removed 0 backdrops" in capsys.readouterr().out
    assert status("doctor") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("ok  model file") and "person-fast" in line for line in lines)
    assert all(line.startswith(("ok", "!!", "   ")) for line in lines)


def test_ctrl_c_ends_a_rendering_with_status_130_and_leaves_a_whole_recording(style, tmp_path):
    long, out = tmp_path / "long.mkv", tmp_path / "out.mkv"
    scene = SyntheticClip(160, 90, 30)
    with Recorder(long, 160, 90, 30.0, live=False) as recorder:
        for index in range(3000):
            recorder.send(scene.frame(index % 30), index / 30)
    command = [sys.executable, "-m", "nbst_live", "--style", style, "--input", long, "--record", out, "--steps", "2"]
    process = subprocess.Popen([*map(str, command), "--no-virtual-camera"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out.exists() and out.stat().st_size > 20_000) and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 130, error
    assert error == ""
    assert 1 < int(cv2.VideoCapture(str(out)).get(cv2.CAP_PROP_FRAME_COUNT)) < 3000


def test_ctrl_c_ends_a_live_run_and_leaves_a_whole_recording(style, clip, tmp_path):
    """A camera is stood in for by a clip that is played as a stream, which has no end that the run could wait for."""
    out, stream = tmp_path / "out.mkv", tmp_path / "stream.mjpeg"
    scene = SyntheticClip(160, 90, 30)
    stream.write_bytes(b"".join(cv2.imencode(".jpg", scene.frame(i))[1].tobytes() for i in range(30)) * 40)
    command = [sys.executable, "-m", "nbst_live", "--style", style, "--input", f"file://{stream}", "--record", out]
    process = subprocess.Popen([*map(str, command), "--no-virtual-camera"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not (out.exists() and out.stat().st_size > 20_000) and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 0, error
    reader = cv2.VideoCapture(str(out))
    count = 0
    while reader.read()[0]:
        count += 1
    assert count > 1
