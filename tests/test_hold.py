"""--lock: what a camera can hold is held once it has settled, and what it cannot is told."""

import cv2
import numpy as np
import pytest

from nbst_live.capture.hold import CONTROLS, GIVE_UP, Hold
from nbst_live.fakes import FakeCamera

EXPOSURE, WHITE, FOCUS = CONTROLS
AUTO = {EXPOSURE.automatic: 3.0, WHITE.automatic: 1.0, FOCUS.automatic: 1.0}
VALUES = {EXPOSURE.value: 156.0, WHITE.value: 4600.0, FOCUS.value: 30.0}


def picture_of(level):
    return np.full((48, 64, 3), level, np.uint8)


def watched(camera, levels, fps=10, seconds=40):
    """A hold that has seen pictures whose grey level is a function of the time; the time it was done."""
    hold = Hold(camera.open(), 0.0)
    for index in range(int(seconds * fps)):
        hold.see(picture_of(levels(index / fps)), index / fps)
        if hold.done:
            return hold, index / fps
    return hold, None


def camera_with(*controls):
    camera = FakeCamera(picture_of(100))
    for control in controls:
        camera.controls |= {control.automatic: AUTO[control.automatic], control.value: VALUES[control.value]}
    return camera


def test_all_is_held_at_its_present_values():
    camera = camera_with(*CONTROLS)
    hold, _ = watched(camera, lambda time: 100)
    assert hold.result == "the camera holds exposure, white balance and focus"
    for control in CONTROLS:
        assert camera.controls[control.automatic] == control.off
        assert camera.controls[control.value] == VALUES[control.value]


def test_it_waits_until_the_picture_has_settled():
    _, soon = watched(camera_with(*CONTROLS), lambda time: 100)
    _, later = watched(camera_with(*CONTROLS), lambda time: min(100, 20 * time))
    assert 1 < soon < 3
    assert 6 < later < 8


def test_somebody_who_walks_about_does_not_put_it_off_for_ever():
    hold, when = watched(camera_with(*CONTROLS), lambda time: 100 + 5 * np.sin(3 * time))
    assert "holds exposure" in hold.result
    assert when == pytest.approx(GIVE_UP, abs=1.5)


@pytest.mark.parametrize(
    ("has", "says"),
    [
        ((), "the camera cannot hold exposure, white balance and focus"),
        ((EXPOSURE, WHITE), "the camera holds exposure and white balance, but cannot hold focus"),
        ((FOCUS,), "the camera holds focus, but cannot hold exposure and white balance"),
    ],
)
def test_what_the_camera_lacks_is_told(has, says):
    assert watched(camera_with(*has), lambda time: 100)[0].result == says


def test_an_automatic_that_does_not_go_off_is_not_held():
    camera = camera_with(*CONTROLS)
    stubborn = camera.open()
    before = stubborn.set
    stubborn.set = lambda control, value: True if control == WHITE.automatic else before(control, value)
    hold = Hold(stubborn, 0.0)
    for index in range(60):
        hold.see(picture_of(100), index / 10)
    assert hold.result == "the camera holds exposure and focus, but cannot hold white balance"


def test_a_camera_that_jumps_gets_its_automatics_back():
    camera = camera_with(*CONTROLS)
    levels = lambda time: 100 if camera.controls[EXPOSURE.automatic] == 3 else 220  # noqa: E731 - as the camera does
    hold, _ = watched(camera, levels)
    assert "cannot be held" in hold.result
    assert {control: camera.controls[control] for control in AUTO} == AUTO


def test_the_properties_are_opencvs():
    assert [control.automatic for control in CONTROLS] == [
        cv2.CAP_PROP_AUTO_EXPOSURE, cv2.CAP_PROP_AUTO_WB, cv2.CAP_PROP_AUTOFOCUS,
    ]  # fmt: skip
