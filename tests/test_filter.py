import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

import nbst_live
from nbst_live import BackgroundFilter, app
from nbst_live import filter as library
from nbst_live.backdrop.cache import BackdropCache
from nbst_live.backdrop.fake_worker import FakeWorker
from nbst_live.backdrop.privacy import raw_share
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.errors import InputError, PictureError, ProviderError, SettingError, SolverError
from nbst_live.fakes import FakeSource
from nbst_live.mask.matte import MatteRefiner
from nbst_live.pictures import write_picture
from nbst_live.pipeline import Pipeline
from nbst_live.settings import Settings
from nbst_live.sinks.null import NullSink

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
        (np.zeros((16, 600, 3), np.uint8), "got a frame of 600x16, expected .* none more than 30 times the other"),
        (np.zeros((600, 16, 3), np.uint8), "got a frame of 16x600, expected .* none more than 30 times the other"),
        (np.zeros((7000, 7000, 3), np.uint8), "got a frame of 7000x7000, expected .* at most 35389440 pixels"),
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


def test_who_is_hidden_is_in_no_picture_and_then_is_back():
    person = CLIP.alpha(0) == 1

    def shown(out) -> float:
        return (out == CLIP.frame(0)).all(axis=2)[person].mean()

    with BackgroundFilter("swirl", steps=2, cache=False) as live:
        live.hidden = True
        assert shown(live(CLIP.frame(0))) < 0.01
        live.hidden = False
        assert shown(live(CLIP.frame(0))) > 0.7


def test_who_is_hidden_while_a_frame_is_on_its_way_is_not_in_its_picture_either(monkeypatch):
    person, settle = CLIP.alpha(0) == 1, MatteRefiner.settle
    with BackgroundFilter("swirl", steps=2, cache=False) as live:

        def settled(*given):
            live.hidden = True
            return settle(*given)

        monkeypatch.setattr(MatteRefiner, "settle", settled)
        assert (live(CLIP.frame(0)) == CLIP.frame(0)).all(axis=2)[person].mean() < 0.01


@pytest.fixture
def worker(monkeypatch):
    """In place of the solver's process."""
    worker = FakeWorker(160, 90)
    monkeypatch.setattr(app, "open_worker", lambda *_, **__: worker)
    return worker


def test_the_room_is_painted_anew_when_asked(worker):
    with BackgroundFilter("swirl", cache=False, refresh=0) as live:
        live.refresh()
        live(CLIP.frame(0))
        worker.publish(cv2.resize(live._style.picture, worker.size), final=True)
        for _ in range(3):
            live(CLIP.frame(0))
        assert len(worker.jobs) == 1
        live.refresh()
        live(CLIP.frame(0))
        assert len(worker.jobs) == 2
    live.refresh()


def test_the_style_can_be_changed_before_the_first_frame_and_after(worker):
    def painted_in() -> list[tuple[str, float]]:
        live(CLIP.frame(0))
        return [(path.stem, weight) for path, weight in worker.jobs[-1]["styles"]]

    with BackgroundFilter(["ink", "cubist"], cache=False, refresh=0) as live:
        live.use("swirl")
        assert painted_in() == [("swirl", 1)]
        live.use(["mosaic", Path("ink")])
        assert painted_in() == [("mosaic", 0.5), ("ink", 0.5)]
        live.use(["mosaic", "ink"], style_mix=[3, 1])
        assert painted_in() == [("mosaic", 0.75), ("ink", 0.25)]
        with pytest.raises(PictureError, match="is neither a file nor a built-in style"):
            live.use("missing.jpg")
        with pytest.raises(SettingError, match=r"^style_mix: got 2 weights for 1 styles"):
            live.use("ink", style_mix=[1, 2])
        live.refresh()
        assert painted_in() == [("mosaic", 0.75), ("ink", 0.25)]


@pytest.fixture
def opencv_threads():
    """Another number than any that this program would choose."""
    cv2.setNumThreads(7)
    return 7


def test_opencvs_threads_are_the_programs_own_but_in_a_run_of_the_command_line(opencv_threads):
    with BackgroundFilter(style="swirl", steps=2, threads=2) as live:
        live(CLIP.frame(0))
        assert cv2.getNumThreads() == opencv_threads
    with app.open_still_masker(Settings(style=("swirl",), threads=2), SIZE):
        assert cv2.getNumThreads() == 2


def test_threads_take_turns_as_the_program_has_it_but_more_often_in_a_run_of_the_command_line(
    worker, opencv_threads, tmp_path
):
    before = sys.getswitchinterval()
    with BackgroundFilter("swirl", cache=False) as live:
        live(CLIP.frame(0))
        assert sys.getswitchinterval() == before
    settings, source = Settings(style=("swirl",), no_virtual_camera=True), FakeSource([CLIP.frame(0)])
    with app.open_live(settings, extra_sinks=(NullSink(),), source=source, cache=BackdropCache(tmp_path)):
        assert sys.getswitchinterval() == pytest.approx(app.SWITCH_SECONDS) != before


def test_a_closed_filter_paints_no_more():
    with BackgroundFilter(style="swirl", cache=False) as live:
        live(CLIP.frame(0))
        assert live.solver.busy
    assert not live.solver.busy


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
        BackgroundFilter((name for name in ("swirl", "mosaic")), style_mix=None) as made,
    ):
        weights = [[weight for _, weight in live._style.paintings] for live in (even, mix, made)]
    assert weights == [[0.5, 0.5], [0.75, 0.25], [0.5, 0.5]]


def test_values_come_as_paths_as_numbers_of_numpy_and_as_none_for_the_default(tmp_path):
    photo = tmp_path / "photo.png"
    write_picture(photo, CLIP.frame(0))
    asked = {"background": photo, "mask_model": Path("person-fast"), "steps": np.int64(7), "strength": np.float32(0.5)}
    plain = {"background": None, "strength": None, "threads": None, "steps": None}
    with BackgroundFilter(Path("swirl"), **asked) as live, BackgroundFilter("swirl", **plain) as default:
        assert (live._how.steps, live._how.strength, live._settings.mask_model) == (7, 0.5, "person-fast")
        assert (live._photo == CLIP.frame(0)).all()
        assert default._settings == Settings(style=("swirl",))


@pytest.mark.parametrize("name", ["mirror", "rotate", "refine", "record", "report", "input", "size", "verbose"])
def test_what_would_do_nothing_here_is_refused(name):
    with pytest.raises(SettingError, match=f"^{name}: not one of the library's settings; expected style, style_mix, "):
        BackgroundFilter("swirl", **{name: getattr(Settings(), name)})


def test_every_setting_of_the_library_is_taken():
    settings = {name: getattr(Settings(), name) for name in library.SETTINGS}
    with BackgroundFilter(**settings | {"style": "swirl"}) as live:
        assert live._settings == Settings(style=("swirl",))


def test_the_mask_may_come_late():
    with BackgroundFilter("swirl", latency="low", steps=2) as live:
        for index in range(3):
            out = live(CLIP.frame(index))
    assert (out == CLIP.frame(2)).all(axis=2)[CLIP.alpha(2) == 1].mean() > 0.7


def test_the_longest_frame_that_is_taken_is_finished():
    long = cv2.resize(CLIP.frame(0), (library.MAX_RATIO * 16, 16), interpolation=cv2.INTER_AREA)
    for frame in (long, long.transpose(1, 0, 2)):
        with BackgroundFilter("swirl", steps=2, cache=False, refresh=0) as live:
            deadline = time.monotonic() + 60
            while live(frame).shape == frame.shape and live.solver.busy and time.monotonic() < deadline:
                time.sleep(0.03)
            assert (live.solver.solves, live.solver.failures) == (1, 0)


def test_a_process_that_may_start_none_says_so(monkeypatch):
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)
    with BackgroundFilter("swirl") as live, pytest.raises(SolverError, match=r"use concurrent\.futures"):
        live(CLIP.frame(0))


def test_errors_name_settings_as_keywords():
    with pytest.raises(SettingError, match=r"^style_mix: got 2 weights for 1 styles"):
        BackgroundFilter("swirl", style_mix=[1, 2])
    refused = pytest.raises(ProviderError, match=r"^provider directml: .* or use provider auto")
    with BackgroundFilter("swirl", provider="directml") as live, refused:
        live(CLIP.frame(0))


def test_wrong_settings_are_refused_at_once():
    with pytest.raises(PictureError):
        BackgroundFilter(style="missing.jpg")
    for nothing, got in (
        ([], "no style"),
        (None, "a style of NoneType"),
        (5, "a style of int"),
        (b"a", "a style of bytes"),
    ):
        with pytest.raises(InputError, match=f"got {got}, expected a picture's path or a built-in style's name"):
            BackgroundFilter(style=nothing)
    with pytest.raises(SettingError, match="background: got 'a"):
        BackgroundFilter(style="swirl", background="a\0.jpg")
    with pytest.raises(SettingError, match="strength: got 7"):
        BackgroundFilter(style="swirl", strength=7)
    with pytest.raises(SettingError, match="got 3 weights for 2 styles"):
        BackgroundFilter(style=["swirl", "mosaic"], style_mix="1:2:3")
    with pytest.raises(SettingError, match="got 2 layer weights, expected 5"):
        BackgroundFilter(style="swirl", layer_weights=[1, 2])
    with pytest.raises(SettingError, match="colour: not one of the library's settings"):
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
