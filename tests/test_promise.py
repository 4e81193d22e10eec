"""The privacy promise, on a clip with known alpha and a textured room: the raw room is in no frame that goes out.

A raw-room frame is one in which more than 1 % of the pixels whose true alpha is 0 are within 8 grey levels of the
source.
"""

import os
import signal
import time
from functools import partial

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from nbst_live import models
from nbst_live.backdrop.privacy import RAW_LEVELS, RAW_SHARE
from nbst_live.backdrop.room import RoomBackdrop
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.errors import MaskError
from nbst_live.fakes import FakeSource
from nbst_live.gatys.settings import SolverSettings
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.seen import Sight
from nbst_live.pictures import open_style
from nbst_live.pipeline import Outputs, Pipeline, run
from nbst_live.sinks.null import NullSink
from nbst_live.stages import Room

SIZE, LARGE = (640, 360), (1280, 720)
"""A large frame's edge is subdivided."""
EDGE = EdgeSolver(models.find("edge-alpha"))
FRAMES = 100
CLIPS = {size: SyntheticClip(*size, FRAMES) for size in (SIZE, LARGE)}


class FailingMasker(OnnxMasker):
    """The real mask, that fails at some frames."""

    fails: range = range(0)
    calls = 0

    def mask(self, picture):
        self.calls += 1
        if self.calls in self.fails:
            raise MaskError("failed, as asked")
        return super().mask(picture)


class Witness(NullSink):
    """Counts raw-room frames among those that it is sent, against the true alpha of the frame under way."""

    def __init__(self, size=SIZE, clip=None) -> None:
        super().__init__()
        self._truth, self._clip = CLIPS[size], clip or CLIPS[size].frame
        self.raw: list[tuple[int, float]] = []

    def send(self, picture, time):
        super().send(picture, time)
        index = round(time * 30) % FRAMES
        near = np.abs(picture.astype(np.int16) - self._clip(index)).max(axis=2) <= RAW_LEVELS
        share = near[self._truth.alpha(index) == 0].mean()
        if share > RAW_SHARE:
            self.raw.append((index, round(float(share), 4)))


def wait_until(true) -> None:
    deadline = time.monotonic() + 60
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)


def opens_a_door(size: tuple[int, int], index: int) -> NDArray[np.uint8]:
    """The clip's frame, with something dark right beside the person from the 50th on."""
    frame, scale = CLIPS[size].frame(index), size[0] // SIZE[0]
    if index < 50:
        return frame
    picture = frame.copy()
    picture[120 * scale : 300 * scale, 330 * scale : 450 * scale] = (30, 35, 60)
    alpha = CLIPS[size].alpha(index)[..., None]
    return (alpha * frame + (1 - alpha) * picture).astype(np.uint8)


def watch(
    *, size=SIZE, clip=None, strength=0.6, fails=range(0), stalls=(), kill_at=None, wait_for_painting=True
) -> tuple[Witness, Pipeline]:
    """The live way of 100 frames, the real mask and solver in it."""
    clip = clip or CLIPS[size].frame
    witness = Witness(size, clip)
    settings = SolverSettings(steps=20, size=160, threads=1, strength=strength)
    with (
        SolverWorker(160, 90, niceness=0) as worker,
        FailingMasker(models.find("person-fast"), size, provider="cpu", threads=2) as masker,
        RoomBackdrop(open_style("swirl"), size, settings, worker, refresh=2.0) as backdrop,
    ):
        masker.fails, masker.calls = fails, 0
        key = DifferenceKey(models.find("room-key"))
        way = Pipeline(masker, MatteRefiner(EDGE), backdrop, size, key=key)

        def tick() -> bool:
            if witness.taken == kill_at:
                os.kill(worker.pid, signal.SIGKILL)
            if wait_for_painting and witness.taken == 40:
                wait_until(lambda: backdrop.latest() is not None and backdrop.painted_at is not None)
            return True

        source = FakeSource(clip, frames=FRAMES, stalls=stalls, live=bool(stalls))
        run(source, way, Outputs([witness]), lambda: tick() and way.counts.frames_out < FRAMES)
        if wait_for_painting:
            assert backdrop.painted_at is not None, backdrop.state
    return witness, way


@pytest.mark.parametrize(("size", "strength"), [(SIZE, 0.6), (SIZE, 0.05), (LARGE, 0.6)])
def test_the_first_100_frames_show_the_room_painted_or_not_at_all(size, strength):
    witness, way = watch(size=size, strength=strength)
    assert witness.raw == []
    assert way.counts.with_person == FRAMES


@pytest.mark.parametrize("size", [SIZE, LARGE])
def test_what_changes_right_beside_the_person_is_not_shown(size):
    witness, way = watch(size=size, clip=partial(opens_a_door, size))
    assert witness.raw == []
    assert way.counts.with_person == FRAMES


def test_a_mask_that_raises_shows_the_backdrop_alone():
    witness, way = watch(fails=range(30, 60), wait_for_painting=False)
    assert witness.raw == []
    assert way.counts.mask_failures == 30


def test_a_mask_that_raises_from_the_first_frame_on_shows_no_room():
    witness, _ = watch(fails=range(200), wait_for_painting=False)
    assert witness.raw == []


def test_a_solver_that_dies_shows_no_room():
    witness, _ = watch(kill_at=45)
    assert witness.raw == []


def test_a_source_that_stalls_shows_no_room():
    witness, way = watch(stalls=range(50, 60), wait_for_painting=False)
    assert way.counts.stalls == 10
    assert witness.raw == []


def test_the_witness_would_notice():
    witness = Witness()
    witness.send(CLIPS[SIZE].frame(0), 0.0)
    assert witness.raw[0][1] > 0.9


@pytest.mark.parametrize("speed", [10, 20, 35])
def test_who_passes_a_known_room_leaves_nothing_of_it_behind(rng, speed):
    """A figure of one colour, whose mask is true, dashes past: what the frame before showed there must not hold."""
    height, width = 361, 641
    shown = pixels = 0
    for _ in range(2):
        wall = cv2.resize(rng.integers(0, 256, (9, 12, 3), np.uint8), (width, height), interpolation=cv2.INTER_CUBIC)
        room = Room(wall, np.full(wall.shape[:2], 255, np.uint8))
        key, refiner, sight = DifferenceKey(models.find("room-key")), MatteRefiner(EDGE), Sight()
        for index in range(24):
            alpha = np.zeros((height, width), np.float32)
            if index > 2:
                middle = speed * index % width, height
                cv2.ellipse(alpha, middle, (width // 6, height // 2), 0, 0, 360, 1.0, -1)
                alpha = cv2.GaussianBlur(alpha, (0, 0), 1.5)
            share = alpha[..., None]
            picture = (wall * (1 - share) + np.array((40, 80, 200)) * share).astype(np.uint8)
            seen = sight.of(picture, 288, 160)
            found = key.correct(cv2.resize(alpha, (288, 160), interpolation=cv2.INTER_AREA), seen, room)
            matte = refiner.settle(refiner.trimap(found, seen), picture, room).matte
            nobody = cv2.dilate(alpha, np.ones((9, 9))) < 0.01
            shown, pixels = shown + int((matte[nobody] > 200).sum()), pixels + int(nobody.sum())
    assert shown < 2e-4 * pixels
