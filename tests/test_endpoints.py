"""Which camera others find, and who may let it rest."""

from types import SimpleNamespace

import pytest

from nbst_live import endpoints
from nbst_live.errors import InputError
from nbst_live.fakes import FakeSink
from nbst_live.pipeline import Outputs
from nbst_live.settings import Settings
from nbst_live.stages import SourceInfo


@pytest.mark.parametrize(
    ("live", "rotate", "expected"),
    [(True, 0, (1280, 720, 30.0)), (True, 90, (720, 1280, 30.0)), (False, 0, (640, 480, 15.0))],
)
def test_the_virtual_camera_is_what_was_asked_for_or_as_the_clip(live, rotate, expected):
    info = SourceInfo("source", 640, 480, 15.0, live=live)
    assert endpoints.virtual_format(Settings(size=(1280, 720), fps=30.0, rotate=rotate), info) == expected


def test_a_rest_needs_a_camera_and_readers_that_can_be_counted():
    with pytest.raises(InputError, match="--rest needs a camera as --input and a v4l2loopback virtual camera"):
        endpoints.resting(SimpleNamespace(), Outputs([FakeSink()]))


def test_whoever_records_watches():
    camera, recorder = FakeSink(), FakeSink()
    outputs = Outputs([camera])
    assert not endpoints.watched_by_others(outputs, camera)
    outputs.sinks.append(recorder)
    assert endpoints.watched_by_others(outputs, camera)
