"""A camera rests while nobody watches, and wakes for whoever stays."""

from types import SimpleNamespace

import pytest

from nbst_live.capture import rest
from nbst_live.capture.opencv import READ_WAIT
from nbst_live.capture.rest import LOOK_EVERY, REST_AFTER, STAYS, RestingSource
from nbst_live.errors import SourceStalled


class Camera:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.info = SimpleNamespace(fps=30, live=True)
        self.dropped = 0
        self.calls: list[str] = []

    def read(self):
        return "frame"

    def pause(self):
        self.calls.append("pause")

    def resume(self):
        self.calls.append("resume")

    def close(self):
        self.calls.append("close")


class Scene:
    """A clock that moves when somebody sleeps, and watchers by the time of day."""

    def __init__(self) -> None:
        self.now = 100.0
        self.spans: list[tuple[float, float]] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def watched(self) -> bool:
        return any(start <= self.now < end for start, end in self.spans)


@pytest.fixture
def scene(monkeypatch):
    scene = Scene()
    monkeypatch.setattr(rest, "time", scene)
    return scene


@pytest.fixture
def camera():
    return Camera()


@pytest.fixture
def source(scene, camera):
    return RestingSource(camera, scene.watched, scene.monotonic)


def read_for(source, scene, seconds, step=1 / 30):
    """Reads as the loop does; how many frames came and how many reads stalled."""
    frames = stalls = 0
    until = scene.now + seconds
    while scene.now < until:
        try:
            source.read()
            frames += 1
            scene.now += step
        except SourceStalled:
            stalls += 1
    return frames, stalls


def test_it_goes_on_for_a_while_and_then_rests(source, scene, camera):
    _, stalls = read_for(source, scene, REST_AFTER - 0.1)
    assert (stalls, camera.calls) == (0, [])
    frames, stalls = read_for(source, scene, 10)
    assert frames < 10
    assert stalls == pytest.approx(10 / READ_WAIT, abs=3)
    assert source.resting
    assert camera.calls == ["pause"]


def test_a_watcher_keeps_it_awake(source, scene, camera):
    scene.spans = [(100, 200)]
    assert read_for(source, scene, 90)[1] == 0
    assert camera.calls == []


def test_a_watcher_who_leaves_and_comes_back_soon_does_not_let_it_rest(source, scene, camera):
    scene.spans = [(start, start + 5) for start in range(100, 200, 12)]
    assert read_for(source, scene, 90)[1] == 0
    assert camera.calls == []


def test_a_probe_does_not_wake_it(source, scene, camera):
    read_for(source, scene, 30)
    scene.spans = [(scene.now + second, scene.now + second + STAYS - 0.06) for second in range(1, 20)]
    assert read_for(source, scene, 25)[0] == 0
    assert camera.calls == ["pause"]


def test_a_watcher_who_stays_wakes_it_within_half_a_second(source, scene, camera):
    read_for(source, scene, 30.2)
    comes = scene.now + 1.234
    scene.spans = [(comes, comes + 1000)]
    while source.resting:
        try:
            source.read()
        except SourceStalled:
            continue
    assert scene.now - comes < 0.3
    assert camera.calls == ["pause", "resume"]
    assert read_for(source, scene, LOOK_EVERY * 100)[1] == 0


def test_closing_closes_the_camera(source, camera):
    source.close()
    assert camera.calls == ["close"]
