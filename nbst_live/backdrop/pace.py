"""How much of its time the solver may compute beside the live way: a controller steered by the live way's load."""

FLOOR = 0.3
"""Least share of its time that the solver keeps: it is never starved. While it computes the live way slows it down as
well, so that less of its own speed is left."""
COMFORT = 0.75
"""Load at which the pace stays as it is: what is left of a frame's time covers its unevenness."""
SMOOTHING = 0.1
"""Weight of the newest frame in the mean load: one slow frame is no trend."""
GAIN = 0.05
"""Change of the pace, per frame, for a whole frame's time too much or too little."""
WORST = 3.0
"""Load that a single frame counts for at most: the first one, which opens devices, is no measure."""


class Pace:
    """Keeps `share`, the share of its time in [FLOOR, 1] that the solver may compute, by integral control.

    A load is the time that the live way took for a frame, as a share of the time there is for one (1 / frames per
    second).
    """

    def __init__(self) -> None:
        self.share = 1.0
        self._load = 0.0

    def note(self, load: float) -> float:
        """The share after a frame of this load: less while frames take longer than COMFORT, more while they do not."""
        self._load += SMOOTHING * (min(load, WORST) - self._load)
        self.share = min(1.0, max(FLOOR, self.share + GAIN * (COMFORT - self._load)))
        return self.share


def rest(computed: float, share: float) -> float:
    """Seconds to rest after having computed for so many, so that computing takes this share of the time."""
    return computed * (1 - share) / share
