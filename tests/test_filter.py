import multiprocessing
import subprocess
import sys
import time

import numpy as np
import pytest

import nbst_live
from nbst_live import BackgroundFilter
from nbst_live.backdrop.privacy import raw_share
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.errors import InputError, PictureError, SettingError
from nbst_live.pictures import write_picture
from nbst_live.pipeline import Pipeline

SIZE = (320, 180)
CLIP = SyntheticClip(*SIZE, 10)


def test_frames_go_in_and_finished_pictures_come_out_and_the_painting_follows():
    with BackgroundFilter(style="swirl", steps=12, threads=2, refresh=0) as live:
        first = live(CLIP.frame(0))
        kept = first.copy()
        deadline = time.monotonic() + 120
        while live.solver.solves == 0 and time.monotonic() < deadline:
            last = live(CLIP.frame(1))
            time.sleep(0.03)
        assert live.solver.solves == 1, live.solver
        time.sleep(1.3)
        for _ in range(2):
            last = live(CLIP.frame(1))
    assert (first == kept).all(), "a result is the caller's to keep"
    assert first.shape == last.shape == CLIP.frame(0).shape
    outside = CLIP.alpha(1) == 0
    assert np.abs(last.astype(int) - first)[outside].mean() > 8, "the room should have been painted by now"
    inside = CLIP.alpha(1) == 1
    assert (last == CLIP.frame(1)).all(axis=2)[inside].mean() > 0.7  # the mask half misses the helmet in the hand
    assert raw_share(last[outside][None], CLIP.frame(1)[outside][None]) < 0.01


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (np.zeros((10, 10), np.uint8), "expected uint8 with shape"),
        (np.zeros((10, 10, 3), np.float32), "got a frame of float32"),
        (np.zeros((10, 10, 4), np.uint8), "expected uint8 with shape"),
        (np.zeros((1, 1, 3), np.uint8), "expected sides of 16 pixels at least"),
        (np.zeros((0, 20, 3), np.uint8), "expected sides of 16 pixels at least"),
        ("frame", "got a frame of str"),
    ],
)
def test_what_is_no_frame_is_refused(frame, message):
    with BackgroundFilter(style="swirl") as live, pytest.raises(InputError, match=message):
        live(frame)


def test_a_frame_of_another_size_is_refused_and_so_is_any_after_closing():
    live = BackgroundFilter(style="swirl", steps=2)
    live(CLIP.frame(0))
    with pytest.raises(InputError, match="expected 320x180"):
        live(np.zeros((90, 160, 3), np.uint8))
    live.close()
    live.close()
    with pytest.raises(InputError, match="the filter is closed"):
        live(CLIP.frame(0))


def test_a_style_that_is_gone_by_the_first_frame_costs_no_process(tmp_path):
    style = tmp_path / "style.png"
    write_picture(style, CLIP.frame(0))
    with BackgroundFilter(style=str(style), threads=2) as live:
        style.unlink()
        before = set(multiprocessing.active_children())
        with pytest.raises(PictureError):
            live(CLIP.frame(0))
        assert set(multiprocessing.active_children()) == before


def test_a_frames_buffer_may_be_used_again_once_the_call_is_over(monkeypatch):
    taken = []
    monkeypatch.setattr(Pipeline, "process", lambda _, frame: taken.append(frame.picture) or frame.picture)
    frame = CLIP.frame(0).copy()
    with BackgroundFilter(style="swirl", steps=2) as live:
        live(frame)
    assert (taken[0] == frame).all()
    assert not np.shares_memory(taken[0], frame)


def test_several_styles_are_mixed():
    with (
        BackgroundFilter(style=["swirl", "mosaic"]) as even,
        BackgroundFilter(["swirl", "mosaic"], style_mix=[3, 1]) as mix,
    ):
        weights = [[weight for _, weight in live._style.paintings] for live in (even, mix)]
    assert weights == [[0.5, 0.5], [0.75, 0.25]]


def test_wrong_settings_are_refused_at_once():
    with pytest.raises(PictureError):
        BackgroundFilter(style="missing.jpg")
    with pytest.raises(InputError, match="got no style"):
        BackgroundFilter(style=[])
    with pytest.raises(SettingError, match="background: got 'a"):
        BackgroundFilter(style="swirl", background="a\0.jpg")
    with pytest.raises(SettingError, match="strength: got 7"):
        BackgroundFilter(style="swirl", strength=7)
    with pytest.raises(SettingError, match="got 3 weights for 2 styles"):
        BackgroundFilter(style=["swirl", "mosaic"], style_mix="1:2:3")
    with pytest.raises(SettingError, match="got 2 layer weights, expected 5"):
        BackgroundFilter(style="swirl", layer_weights=[1, 2])
    with pytest.raises(SettingError, match="colour: no such setting"):
        BackgroundFilter(style="swirl", colour="red")


def test_a_filter_that_is_not_closed_ends_with_the_program(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np\nfrom nbst_live import BackgroundFilter\n"
        "out = BackgroundFilter(style='swirl')(np.zeros((90, 160, 3), np.uint8))\nprint(out.shape)\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, timeout=120)
    assert (done.stdout.strip(), done.stderr, done.returncode) == ("(90, 160, 3)", "", 0)


def test_the_public_names():
    assert sorted(nbst_live.__all__) == ["BackgroundFilter", "NbstError", "__version__"]
    with pytest.raises(AttributeError):
        nbst_live.nothing  # noqa: B018 - the access is what is tested
