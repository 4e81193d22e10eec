import time

import cv2
import numpy as np
import pytest

from nbst_live.backdrop import means, screen
from nbst_live.backdrop import room as room_module
from nbst_live.backdrop.cache import BackdropCache
from nbst_live.backdrop.fake_worker import FakeWorker
from nbst_live.backdrop.job import Cause
from nbst_live.backdrop.pace import FLOOR
from nbst_live.backdrop.privacy import RAW_SHARE, raw_share
from nbst_live.backdrop.room import RoomBackdrop
from nbst_live.capture.drawn_room import draw_room
from nbst_live.gatys.settings import SolverSettings
from nbst_live.pictures import Style, blend
from nbst_live.stages import Frame

SIZE = (160, 90)
NOBODY = np.zeros((36, 64), np.float32)
ROOM = draw_room(*SIZE)
PAINTING = 255 - ROOM[::-1]


@pytest.fixture
def style(tmp_path):
    file = tmp_path / "style.png"
    file.write_bytes(b"the style's bytes")
    return Style("style", np.random.default_rng(1).integers(0, 256, (50, 80, 3), np.uint8), ((file, 1.0),))


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(screen, "DISSOLVE_SECONDS", 1e-9)
    monkeypatch.setattr(means, "RESTART_SECONDS", 0.0)


def backdrop_of(style, worker, **options):
    options.setdefault("refresh", 0)
    return RoomBackdrop(style, SIZE, SolverSettings(), worker, **options)


def shown(backdrop, picture=ROOM, alpha=NOBODY, seconds=0.0):
    """What stands behind the person after this frame; settled."""
    backdrop.observe(Frame(picture, 0, seconds, 0.0), alpha)
    backdrop.latest()
    return backdrop.latest().copy()


def test_the_styles_own_picture_stands_in_first_and_is_nowhere_the_room(style):
    backdrop = backdrop_of(style, FakeWorker(*SIZE))
    first = shown(backdrop)
    assert raw_share(first, ROOM) == 0
    assert backdrop.painted_at is None


def test_the_solver_gets_the_room_at_the_first_frame_and_its_painting_comes_on_screen(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    assert len(worker.jobs) == 1
    assert np.abs(worker.jobs[0]["plate"].astype(int) - ROOM).max() <= 1
    worker.publish(PAINTING)
    now = shown(backdrop)
    far = np.abs(PAINTING.astype(int) - ROOM).max(axis=2) >= 16
    assert (now[far] == PAINTING[far]).all()
    assert raw_share(now, ROOM) == 0
    assert worker.taken == 1
    assert backdrop.painted_at is not None


def test_a_solver_that_hands_back_the_raw_room_is_not_believed(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    first = shown(backdrop)
    worker.publish(ROOM)
    assert (shown(backdrop) == first).all()
    assert backdrop.state.trouble == "", "a first step is near the room, and more will come"
    worker.publish(ROOM, final=True)
    assert (shown(backdrop) == first).all()
    assert backdrop.painted_at is None
    assert "too much like the room" in backdrop.state.trouble
    worker.publish(PAINTING, final=True)
    shown(backdrop)
    assert backdrop.painted_at is not None
    assert backdrop.state.trouble == ""


def test_a_solver_that_dies_leaves_the_backdrop_and_is_started_again_but_not_for_ever(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    first = shown(backdrop)
    for _ in range(10):
        worker.fail()
        assert (shown(backdrop) == first).all()
        shown(backdrop)
    assert worker.starts == means.RESTARTS
    assert "killed" in backdrop.state.trouble
    backdrop.refresh()
    shown(backdrop)
    assert worker.starts == means.RESTARTS + 1
    assert backdrop.state.trouble == ""


@pytest.mark.parametrize(("cause", "slower"), [(Cause.ENDED, 1), (Cause.MEMORY, 1), (Cause.DIVERGED, 2)])
def test_each_further_try_has_smaller_means_and_the_state_says_so(style, cause, slower):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    said = []
    for _ in range(means.RESTARTS):
        worker.fail("out of luck", cause)
        shown(backdrop)
        said.append(backdrop.state.trouble)
        shown(backdrop)
    worker.fail("out of luck", cause)
    shown(backdrop)
    settings = [job["settings"] for job in worker.jobs]
    assert [job.size for job in settings] == [640, 427, 285, 190]
    rates = [job.learning_rate * slower**tries for tries, job in enumerate(settings)]
    assert rates == pytest.approx([SolverSettings().learning_rate] * 4)
    assert said[0] == "out of luck, trying again at 427 px"
    assert backdrop.state.trouble == "out of luck; the backdrop stays until the next refresh"


def test_what_succeeded_with_smaller_means_is_shown_and_they_stay_and_it_is_not_cached(style, tmp_path):
    worker, cache = FakeWorker(*SIZE), BackdropCache(tmp_path / "cache")
    backdrop = backdrop_of(style, worker, cache=cache, refresh=0.01)
    shown(backdrop)
    worker.fail()
    shown(backdrop)
    shown(backdrop)
    assert backdrop.state.trouble == "killed, trying again at 427 px"
    worker.publish(PAINTING, final=True)
    shown(backdrop)
    assert backdrop.painted_at is not None
    assert backdrop.state.trouble == ""
    assert cache.usage() == (0, 0)
    time.sleep(0.05)
    shown(backdrop)
    assert [job["settings"].size for job in worker.jobs] == [640, 427, 427]
    backdrop.refresh()
    shown(backdrop)
    assert worker.jobs[-1]["settings"].size == 640


@pytest.mark.parametrize("fails", [False, True])
def test_a_finished_painting_stays_until_the_room_painted_anew_is_finished(style, fails):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    finished = shown(backdrop)
    backdrop.refresh()
    shown(backdrop)
    if fails:
        worker.fail()
        shown(backdrop)
        shown(backdrop)
    assert not worker.jobs[-1]["warm"]
    worker.publish(PAINTING[:, ::-1])
    assert (shown(backdrop) == finished).all()
    worker.publish(PAINTING[:, ::-1], final=True)
    assert (shown(backdrop) != finished).any()


def test_a_solver_that_dies_idle_is_started_again_at_the_next_job_with_all_it_had(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    shown(backdrop)
    worker.fail()
    shown(backdrop)
    shown(backdrop)
    assert (worker.starts, len(worker.jobs), backdrop.state.trouble) == (0, 1, "")
    backdrop.refresh()
    shown(backdrop)
    assert (worker.starts, worker.jobs[-1]["settings"].size) == (1, 640)


def test_what_the_user_gave_wrong_is_not_tried_again_before_the_next_refresh(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, refresh=0.2)
    shown(backdrop)
    worker.fail("no such layer", Cause.INPUT)
    shown(backdrop)
    shown(backdrop)
    assert len(worker.jobs) == 1
    assert backdrop.state.trouble.startswith("no such layer; the backdrop stays")
    time.sleep(0.25)
    shown(backdrop)
    assert [job["settings"].size for job in worker.jobs] == [640, 640]


def test_the_live_ways_load_sets_the_solvers_pace(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    for _ in range(200):
        backdrop.heed(1.5)
    assert worker.pace == backdrop.state.pace == FLOOR
    for _ in range(200):
        backdrop.heed(0.3)
    assert worker.pace == backdrop.state.pace == 1


def test_a_blend_goes_to_the_solver_whole_and_its_first_picture_stands_in(style, tmp_path):
    other_file = tmp_path / "other.png"
    other_file.write_bytes(b"other bytes")
    other = Style("other", np.full((50, 80, 3), 77, np.uint8), ((other_file, 1.0),))
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(blend([other, style], [3, 1]), worker)
    assert (np.abs(shown(backdrop).astype(int) - 77) <= 32).all()
    assert worker.jobs[0]["styles"] == ((other_file, 0.75), (style.paintings[0][0], 0.25))


def test_without_a_mask_nothing_is_learned_and_nothing_asked(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    assert raw_share(shown(backdrop, alpha=None), ROOM) == 0
    assert worker.jobs == []


def test_it_is_painted_anew_when_the_plate_has_grown(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    half = NOBODY.copy()
    half[:, :32] = 1
    shown(backdrop, alpha=half)
    worker.publish(PAINTING, final=True)
    shown(backdrop, alpha=half, seconds=1.0)
    assert len(worker.jobs) == 1
    shown(backdrop, seconds=2.0)
    assert [job["warm"] for job in worker.jobs] == [False, False]


def test_by_the_clock_it_goes_on_from_the_last_painting_while_the_room_is_the_same(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, refresh=0.02)
    shown(backdrop)
    for brighter in (0, 2, 28, 54, 80, 81):
        worker.publish(PAINTING, final=True)
        room = cv2.add(ROOM, (brighter,) * 4)
        for second in range(12):
            shown(backdrop, picture=room, seconds=20.0 * brighter + second)
            time.sleep(0.01)
    warm = [job["warm"] for job in worker.jobs]
    assert not warm[0]
    assert warm[1]
    assert not all(warm[1:]), "in a light far from that which it was painted in, it is painted anew"


def test_while_none_is_finished_a_painting_begun_anew_is_shown_as_it_gets_finer(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    worker.publish(PAINTING)
    coarse = shown(backdrop)
    backdrop.refresh()
    shown(backdrop)
    worker.publish(PAINTING[:, ::-1])
    assert (shown(backdrop) != coarse).any()


def test_a_camera_that_is_moved_again_and_again_lets_a_painting_be_finished(style, monkeypatch):
    monkeypatch.setattr(room_module, "SETTLE_SECONDS", 0.0)
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    finished = shown(backdrop)
    for second in range(1, 12):
        moved = np.ascontiguousarray(np.roll(ROOM, (8 * second, -12 * second), axis=(0, 1)))
        shown(backdrop, picture=moved, seconds=float(second))
    assert backdrop._plate.upsets > 4
    assert len(worker.jobs) == 3, "one instead of the first that was begun anew, and then none before that is finished"
    worker.publish(PAINTING[:, ::-1], final=True)
    assert (shown(backdrop, picture=moved, seconds=12.0) != finished).any()
    shown(backdrop, picture=moved, seconds=13.0)
    assert len(worker.jobs) == 4


def test_where_the_solver_has_lost_the_last_painting_it_stays_until_one_begun_anew_is_finished(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, refresh=0.02)
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    finished = shown(backdrop)
    worker.fail()
    shown(backdrop)
    time.sleep(0.03)
    shown(backdrop)
    assert worker.starts == 1
    assert not worker.jobs[-1]["warm"]
    worker.publish(PAINTING[:, ::-1])
    assert (shown(backdrop) == finished).all()


def test_a_refused_painting_does_not_bring_coarse_ones_up_at_every_refresh(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, refresh=0.02)
    shown(backdrop)
    worker.publish(PAINTING)
    coarse = shown(backdrop)
    worker.publish(ROOM, final=True)
    shown(backdrop)
    time.sleep(0.03)
    shown(backdrop)
    assert len(worker.jobs) == 2
    worker.publish(PAINTING[:, ::-1])
    assert (shown(backdrop) == coarse).all()


def test_after_a_change_of_light_the_cached_painting_is_shown_in_place_of_a_coarse_one(style, tmp_path):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, cache=BackdropCache(tmp_path / "cache"))
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    painted = shown(backdrop)
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, cache=BackdropCache(tmp_path / "cache"))
    shown(backdrop, picture=ROOM // 4)
    worker.publish(PAINTING[:, ::-1])
    shown(backdrop, picture=ROOM // 4)
    for second in range(1, 30):
        now = shown(backdrop, seconds=float(second))
    backdrop.refresh()
    now = shown(backdrop, seconds=31.0)
    assert (now == painted).mean() > 0.9
    assert worker.jobs[-1]["start"] is not None


def test_it_is_refreshed_when_the_time_is_up_and_never_with_0(style):
    for refresh, jobs in ((0.05, 2), (0, 1)):
        worker = FakeWorker(*SIZE)
        backdrop = backdrop_of(style, worker, refresh=refresh)
        shown(backdrop)
        worker.publish(PAINTING, final=True)
        shown(backdrop)
        time.sleep(0.1)
        shown(backdrop)
        assert len(worker.jobs) == jobs


def test_when_the_camera_is_moved_the_room_is_painted_anew_once_it_is_quiet(style, monkeypatch):
    monkeypatch.setattr(room_module, "SETTLE_SECONDS", 0.0)
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    for seconds in (1.0, 2.0):
        shown(backdrop, seconds=seconds)
    assert len(worker.jobs) == 1
    moved = np.ascontiguousarray(np.roll(ROOM, (8, -12), axis=(0, 1)))
    shown(backdrop, picture=moved, seconds=3.0)
    shown(backdrop, picture=moved, seconds=4.0)
    assert [job["warm"] for job in worker.jobs] == [False, False]


def test_in_another_light_what_is_shown_is_still_nowhere_near_the_room(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    near = PAINTING.copy()
    near[:, :30] = ROOM[:, :30]
    worker.publish(near, final=True)
    for second in range(1, 60):
        room = cv2.add(ROOM, (second // 2,) * 4)
        now = shown(backdrop, picture=room, seconds=float(second))
        assert raw_share(now, room) <= RAW_SHARE
    assert len(worker.jobs) == 1
    assert (now == near).all(axis=2).mean() > 0.7, "the rest of the painting stays"
    for second in range(60, 120):
        now = shown(backdrop, picture=cv2.add(ROOM, ((119 - second) // 2,) * 4), seconds=float(second))
    assert (now == near).all(axis=2).mean() > 0.7, "and is again what it was where the light comes back"


def test_a_cached_painting_of_half_the_room_is_shown_and_the_room_painted_anew(style, tmp_path):
    half = NOBODY.copy()
    half[:, :24] = 1
    for alpha in (half, NOBODY):
        worker = FakeWorker(*SIZE)
        backdrop = backdrop_of(style, worker, cache=BackdropCache(tmp_path / "cache"))
        first = shown(backdrop, alpha=alpha)
        worker.publish(PAINTING, final=True)
        last = shown(backdrop, alpha=alpha)
    assert (first == last).mean() > 0.9
    assert worker.jobs[0]["start"] is None


def test_the_room_is_what_was_seen_of_it(style):
    backdrop = backdrop_of(style, FakeWorker(*SIZE))
    half = NOBODY.copy()
    half[:, :32] = 1
    shown(backdrop, alpha=half)
    room = backdrop.room()
    assert (room.picture[room.known == 255] == ROOM[room.known == 255]).all()
    assert 0.3 < (room.known == 255).mean() < 0.5


def test_while_the_solver_works_it_is_not_asked_again(style):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker, refresh=0.01)
    shown(backdrop)
    time.sleep(0.05)
    shown(backdrop)
    assert len(worker.jobs) == 1


def test_another_style_shows_its_picture_and_is_painted_anew(style, tmp_path):
    worker = FakeWorker(*SIZE)
    backdrop = backdrop_of(style, worker)
    shown(backdrop)
    worker.publish(PAINTING, final=True)
    shown(backdrop)
    other_file = tmp_path / "other.png"
    other_file.write_bytes(b"other bytes")
    other = Style("other", np.full((50, 80, 3), 77, np.uint8), ((other_file, 1.0),))
    backdrop.use(other)
    now = shown(backdrop)
    assert (np.abs(now.astype(int) - 77) <= 32).all()
    assert worker.jobs[-1]["styles"] == ((other_file, 1.0),)
    assert not worker.jobs[-1]["warm"]


def test_what_the_solver_still_says_of_the_style_before_is_not_shown_and_not_kept(style, tmp_path):
    worker = FakeWorker(*SIZE)
    cache = BackdropCache(tmp_path / "cache")
    backdrop = backdrop_of(style, worker, cache=cache)
    shown(backdrop)
    other_file = tmp_path / "other.png"
    other_file.write_bytes(b"other bytes")
    backdrop.use(Style("other", np.full((50, 80, 3), 77, np.uint8), ((other_file, 1.0),)))
    worker.publish(PAINTING, final=True)
    for _ in range(3):
        now = backdrop.latest()
    assert (np.abs(now.astype(int) - 77) <= 32).all()
    assert backdrop.painted_at is None
    assert cache.usage() == (0, 0)


def test_a_cached_painting_of_the_same_room_is_shown_at_once(style, tmp_path):
    for _ in range(2):
        worker = FakeWorker(*SIZE)
        backdrop = backdrop_of(style, worker, cache=BackdropCache(tmp_path / "cache"))
        first = shown(backdrop)
        worker.publish(PAINTING, final=True)
        last = shown(backdrop)
    assert (first == last).all()
    assert worker.jobs[0]["start"] is not None


def test_a_photo_is_painted_in_place_of_the_room(style):
    worker = FakeWorker(*SIZE)
    photo = np.full((200, 300, 3), 200, np.uint8)
    backdrop = backdrop_of(style, worker, photo=photo)
    shown(backdrop)
    assert (worker.jobs[0]["plate"] == 200).all()
    worker.publish(photo[:90, :160])
    assert (np.abs(shown(backdrop).astype(int) - 200) <= 32).all()


def test_closing_ends_the_solver(style):
    worker = FakeWorker(*SIZE)
    with backdrop_of(style, worker):
        pass
    assert worker.closings == 1
