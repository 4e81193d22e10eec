import itertools
import logging
import threading
from dataclasses import replace

import cv2
import numpy as np
import pytest

from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.errors import MaskError, SinkError, SourceError
from nbst_live.fakes import FakeBackdrop, FakeMasker, FakeSink, FakeSource
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.flow import Flow
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.opinion import SecondOpinion
from nbst_live.mask.people import People
from nbst_live.models import find
from nbst_live.pipeline import Outputs, Pipeline, run
from nbst_live.stages import Compared, Frame, Room

SIZE = (160, 90)
EDGE = EdgeSolver(find("edge-alpha"))
CLIP = SyntheticClip(*SIZE, frames=12)
BACKDROP = np.full((90, 160, 3), (250, 10, 120), np.uint8)


def pipeline_of(fails=()):
    alphas = itertools.cycle(CLIP.alpha(index) for index in range(12) if index not in fails)
    return Pipeline(FakeMasker(lambda _: next(alphas), fails), MatteRefiner(EDGE), FakeBackdrop(BACKDROP), SIZE)


def ran(source, sinks, pipeline=None, tick=lambda: True):
    pipeline = pipeline or pipeline_of()
    run(source, pipeline, Outputs(list(sinks)), tick)
    return pipeline


def test_every_frame_goes_its_way_and_its_time_goes_along():
    sink = FakeSink()
    pipeline = ran(FakeSource(CLIP.frame, frames=12, fps=30), [sink])
    assert (pipeline.counts.frames_in, pipeline.counts.frames_out, pipeline.counts.with_person) == (12, 12, 12)
    assert sink.times == pytest.approx([i / 30 for i in range(12)])


def test_the_person_is_the_frame_to_the_bit_and_the_room_the_backdrop_to_the_bit():
    sink = FakeSink()
    ran(FakeSource(CLIP.frame, frames=12), [sink])
    alpha = CLIP.alpha(11)
    inside, outside = cv2.erode(alpha, np.ones((15, 15))) == 1, cv2.dilate(alpha, np.ones((15, 15))) == 0
    assert (sink.pictures[11][inside] == CLIP.frame(11)[inside]).all()
    assert (sink.pictures[11][outside] == BACKDROP[outside]).all()


def test_when_the_mask_fails_the_backdrop_alone_is_shown_and_counted():
    sink = FakeSink()
    pipeline = ran(FakeSource(CLIP.frame, frames=8), [sink], pipeline_of(fails=range(3, 6)))
    assert pipeline.counts.mask_failures == 3
    assert all((sink.pictures[i] == BACKDROP).all() for i in (3, 4, 5))
    assert not (sink.pictures[6] == BACKDROP).all()


def test_panic_hides_the_person():
    pipeline = pipeline_of()
    pipeline.panic = True
    sink = FakeSink()
    ran(FakeSource(CLIP.frame, frames=2), [sink], pipeline)
    assert all((picture == BACKDROP).all() for picture in sink.pictures)


def test_while_a_camera_stalls_the_backdrop_alone_goes_out():
    sink = FakeSink()
    source = FakeSource(CLIP.frame, frames=4, stalls={2, 3}, live=True)
    pipeline = ran(source, [sink], tick=lambda: len(sink.pictures) < 6)
    assert pipeline.counts.stalls == 2
    assert len(sink.pictures) == 6
    assert all((sink.pictures[i] == BACKDROP).all() for i in (2, 3))
    assert sink.times == sorted(sink.times)


def test_a_clip_that_is_late_gets_no_frames_that_it_does_not_have():
    sink = FakeSink()
    ran(FakeSource(CLIP.frame, frames=4, stalls={2, 3}), [sink])
    assert sink.times == pytest.approx([i / 30 for i in range(4)])


def test_a_source_that_breaks_is_an_error_and_shows_nothing_of_the_room():
    sink = FakeSink()
    with pytest.raises(SourceError):
        ran(FakeSource(CLIP.frame, frames=9, breaks_at=3), [sink])
    assert len(sink.pictures) == 3


def test_a_sink_that_fails_is_left_out_and_the_others_go_on(caplog):
    broken, good = FakeSink(fails_at=2), FakeSink()
    with caplog.at_level(logging.WARNING):
        ran(FakeSource(CLIP.frame, frames=5), [broken, good])
    assert len(good.pictures) == 5
    assert broken.closings == 1
    assert "the other outputs go on" in caplog.text


def test_the_last_sink_that_fails_ends_the_run():
    with pytest.raises(SinkError):
        ran(FakeSource(CLIP.frame, frames=5), [FakeSink(fails_at=2)])


def test_the_backdrop_heeds_every_frames_share_of_its_time():
    backdrop = FakeBackdrop(BACKDROP)
    pipeline = Pipeline(FakeMasker(lambda _: CLIP.alpha(0)), MatteRefiner(EDGE), backdrop, SIZE)
    source, sink = FakeSource(CLIP.frame, frames=5, fps=10), FakeSink(delay=0.12)
    ran(source, [sink], pipeline)
    assert len(backdrop.loads) == 5
    assert all(load > 1.2 for load in backdrop.loads)


def test_the_longer_half_of_a_frames_way_is_its_load():
    class Looking(Pipeline):
        def look(self, frame):
            return replace(super().look(frame), seconds={"mask": 2.0, "key": 3.0})

    backdrop = FakeBackdrop(BACKDROP)
    pipeline = Looking(FakeMasker(lambda _: CLIP.alpha(0)), MatteRefiner(EDGE), backdrop, SIZE)
    ran(FakeSource(CLIP.frame, frames=3, fps=50), [FakeSink()], pipeline)
    assert backdrop.loads == [250] * 3


def test_a_dropped_frame_counts_as_a_whole_frames_time():
    class Dropping(FakeSink):
        def send(self, picture, time):
            source.dropped += 2

    backdrop = FakeBackdrop(BACKDROP)
    source = FakeSource(CLIP.frame, frames=3, fps=0.001)
    ran(source, [Dropping()], Pipeline(FakeMasker(lambda _: CLIP.alpha(0)), MatteRefiner(EDGE), backdrop, SIZE))
    assert [round(load, 1) for load in backdrop.loads] == [2, 2, 2]


@pytest.mark.parametrize(("live", "ahead"), [(False, 2), (True, 1)])
def test_of_a_clip_two_frames_are_masked_ahead_and_of_a_camera_one(live, ahead):
    looking = [threading.Event() for _ in range(9)]

    class Looking(Pipeline):
        def look(self, frame):
            looking[frame.index].set()
            return super().look(frame)

    class Waiting(FakeSink):
        def send(self, picture, time):
            super().send(picture, time)
            assert looking[ahead].wait(5)
            assert not looking[ahead + 1].wait(0.05)

    pipeline = Looking(FakeMasker(lambda _: CLIP.alpha(0)), MatteRefiner(EDGE), FakeBackdrop(BACKDROP), SIZE)
    once, sink = iter([True, False]), Waiting()
    ran(FakeSource(CLIP.frame, frames=9, live=live), [sink], pipeline, tick=lambda: next(once))
    assert len(sink.pictures) == 1


def test_who_does_not_stay_live_is_a_person_to_the_room_and_not_to_the_picture():
    left, right = np.zeros((2, 90, 160), np.float32)
    left[30:, 20:60], right[40:, 110:140] = 1, 1
    backdrop, sink = FakeBackdrop(BACKDROP), FakeSink()
    pipeline = Pipeline(FakeMasker(lambda _: left + right), MatteRefiner(EDGE), backdrop, SIZE, People(1))
    ran(FakeSource(CLIP.frame, frames=2), [sink], pipeline)
    assert all((seen == left + right).all() for _, seen in backdrop.seen)
    assert (sink.pictures[1][:, 100:] == BACKDROP[:, 100:]).all()
    assert (sink.pictures[1][45:, 30:50] == CLIP.frame(1)[45:, 30:50]).all()


def test_the_key_corrects_what_is_shown_and_the_backdrop_hears_of_both():
    left, right = np.zeros((2, 90, 160), np.float32)
    left[30:, 20:60], right[40:, 110:140] = 1, 1
    room = Room(BACKDROP, np.full(BACKDROP.shape[:2], 255, np.uint8))

    class Swapping:
        """Finds the person on the right instead."""

        def compare(self, alpha, seen, known):
            assert (alpha == left).all()
            assert known is room
            return Compared(right, seen.grey, seen.grey)

        def believe(self, compared, alpha, seen):
            assert (alpha == left).all()
            return compared.alpha

    backdrop, sink = FakeBackdrop(BACKDROP, room), FakeSink()
    pipeline = Pipeline(FakeMasker(lambda _: left), MatteRefiner(EDGE), backdrop, SIZE, key=Swapping())
    ran(FakeSource(CLIP.frame, frames=3), [sink], pipeline)
    assert all((seen == left).all() for _, seen in backdrop.seen)
    assert all((corrected == right).all() for corrected in backdrop.corrected)
    assert (sink.pictures[1][:, :60] == BACKDROP[:, :60]).all()
    assert (sink.pictures[1][45:, 115:135] == CLIP.frame(1)[45:, 115:135]).all()


def test_a_key_that_fails_is_a_mask_that_fails():
    class Failing:
        def compare(self, alpha, seen, room):
            raise MaskError("failed, as asked")

    sink = FakeSink()
    pipeline = Pipeline(
        FakeMasker(lambda _: CLIP.alpha(0)), MatteRefiner(EDGE), FakeBackdrop(BACKDROP), SIZE, key=Failing()
    )
    ran(FakeSource(CLIP.frame, frames=2), [sink], pipeline)
    assert pipeline.counts.mask_failures == 2
    assert all((picture == BACKDROP).all() for picture in sink.pictures)


def test_where_everything_was_is_looked_for_once_a_frame_and_since_the_last_one_with_a_mask(monkeypatch):
    found, back = [], Flow.back
    monkeypatch.setattr(Flow, "back", lambda *asked: found.append(asked[1:]) or back(*asked))
    opinion = SecondOpinion(FakeMasker(lambda _: CLIP.alpha(0)))
    pipeline = Pipeline(
        FakeMasker(lambda _: CLIP.alpha(0), fails={2}), MatteRefiner(EDGE), FakeBackdrop(BACKDROP), SIZE,
        key=DifferenceKey(find("room-key")), opinion=opinion,
    )  # fmt: skip
    for index in range(5):
        pipeline.process(Frame(CLIP.frame(index), index, 0.0, 0.0))
    grey = [cv2.cvtColor(CLIP.frame(index), cv2.COLOR_BGR2GRAY) for index in range(5)]
    assert len(found) == 3
    for (now, before), pair in zip(found, [(1, 0), (3, 1), (4, 3)], strict=True):
        assert (now == grey[pair[0]]).all()
        assert (before == grey[pair[1]]).all()


def test_what_the_trimap_missed_since_the_key_failed_is_no_frame_before():
    class Failing:
        calls = 0

        def compare(self, alpha, seen, room):
            self.calls += 1
            if self.calls == 3:
                raise MaskError("failed, as asked")

        def believe(self, compared, alpha, seen):
            return alpha

    class Noting(MatteRefiner):
        def trimap(self, alpha, seen):
            trimaps.append(super().trimap(alpha, seen))
            return trimaps[-1]

    trimaps = []
    masker, backdrop = FakeMasker(lambda _: CLIP.alpha(0)), FakeBackdrop(BACKDROP)
    pipeline = Pipeline(masker, Noting(EDGE), backdrop, SIZE, key=Failing())
    for index in range(5):
        pipeline.process(Frame(CLIP.frame(0), index, 0.0, 0.0))
    assert pipeline.counts.mask_failures == 1
    kept = [trimap.fit[..., 2][(trimap.person | trimap.room) == 0].max() for trimap in trimaps]
    assert [share > 0.5 for share in kept] == [False, True, False, True]


def test_the_opinion_is_heard_before_the_key_and_its_alpha_is_what_the_backdrop_learns_by():
    wrong, right = np.zeros((2, 90, 160), np.float32)
    wrong[30:, 20:140], right[30:, 20:60] = 1, 1
    given = []

    class Listening:
        def compare(self, alpha, seen, room):
            given.append(alpha)

        def believe(self, compared, alpha, seen):
            return alpha

    backdrop, opinion = FakeBackdrop(BACKDROP), SecondOpinion(FakeMasker(lambda _: right))
    pipeline = Pipeline(
        FakeMasker(lambda _: wrong), MatteRefiner(EDGE), backdrop, SIZE, key=Listening(), opinion=opinion
    )
    ran(FakeSource(CLIP.frame, frames=1), [FakeSink()], pipeline)
    assert (given[0] == right).all()
    assert (backdrop.seen[0][1] == right).all()


def test_tick_ends_the_run():
    left = iter([True, True, False])
    pipeline = ran(FakeSource(CLIP.frame, frames=12), [FakeSink()], tick=lambda: next(left))
    assert pipeline.counts.frames_out == 2


def test_every_stage_is_timed():
    pipeline = ran(FakeSource(CLIP.frame, frames=5), [FakeSink()])
    summary = pipeline.timer.summary()
    assert list(summary) == ["mask", "key", "rules", "backdrop", "trimap", "matte", "composite", "send", "latency"]
    assert all(0 <= stage["p50_ms"] <= stage["p95_ms"] for stage in summary.values())
