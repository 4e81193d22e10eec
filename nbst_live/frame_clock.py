"""The times of a clip's frames, also of one that was joined of parts."""

MIN_STEP = 0.001
"""Seconds between two frames whose times are equal: containers round times, Matroska to a millisecond."""

STEP_BACK = 0.2
"""Seconds that a time must step back to begin anew: less is rounding, or a few frames in the wrong order."""

LONGEST_GAP = 6 * 3600.0
"""Seconds; what is later than that begins anew too. FFmpeg takes what steps back by more than a minute for the end of
MPEG's clock, and adds the whole of it, 26.5 hours; and of a gap of 6.6 hours or more its MP4 writer dies.
"""


def begins_anew(newest: float, time: float) -> bool:
    """Whether a time in seconds belongs to another part than those before it, of which `newest` is the latest."""
    return time < newest - STEP_BACK or time > newest + LONGEST_GAP


class FrameClock:
    """Turns OpenCV's timestamps into times that start at 0 and always increase.

    After `read()` CAP_PROP_POS_MSEC is the time of the frame just read, counted from the start of its stream. It is 0
    where the frame carries none: every frame of a raw H.264 stream, the last ones of some AVI and MPEG files. It is
    less than that where a clip was joined of parts and the later one's times are the earlier.

    Where stamps begin anew the times go on, one frame's step after the last. `parts` counts how often that was, the
    first included. `shift` is what the present part's stamps are moved by, in seconds, beside the first part's, and
    `ended` the last stamp of the part before, None in the first.
    """

    def __init__(self, fps: float) -> None:
        self.step = 1 / fps
        self.parts, self.shift = 1, 0.0
        self.ended: float | None = None
        self._start: float | None = None
        self._last = self._newest = self._untimed = 0.0

    @property
    def reached(self) -> float | None:
        """The last frame's stamp in seconds, made up where it carried none; None before the first frame."""
        return None if self._start is None else self._last + self._start - self.shift

    def time(self, stamp: float) -> float:
        """The time in seconds of the next frame, whose own stamp in seconds is given."""
        return self.advance(stamp if stamp != 0 else None)

    def advance(self, stamp: float | None) -> float:
        """As `time`, but that 0 is a stamp like any other, and None says that there is none."""
        if self._start is None:
            self._start = self._newest = stamp or 0.0
            return self._last
        if stamp is None:
            self._last += self.step
            self._untimed += self.step
            return self._last
        if self._begins_anew(stamp):
            self.ended = self.reached
            self._last += self.step
            self.shift = self._last + self._start - stamp
            self.parts, self._newest = self.parts + 1, stamp
        else:
            self._last = max(stamp - self._start + self.shift, self._last + MIN_STEP)
            self._newest = max(self._newest, stamp)
        self._untimed = 0.0
        return self._last

    def _begins_anew(self, stamp: float) -> bool:
        # After frames without stamps any that is no later is another part's, such as the first of a part.
        return begins_anew(self._newest, stamp) or (self._untimed > STEP_BACK and stamp <= self._newest)
