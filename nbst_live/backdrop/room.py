"""The live backdrop: the user's own room, painted, from the style picture of the first frame to the finished
painting.
"""

import hashlib
import logging
import time
from dataclasses import dataclass

import cv2
import numpy as np

from nbst_live.backdrop import privacy
from nbst_live.backdrop.cache import BackdropCache, Signature, cache_key
from nbst_live.backdrop.dissolve import Dissolve
from nbst_live.backdrop.job import Failed, Progress
from nbst_live.backdrop.means import Means
from nbst_live.backdrop.pace import Pace
from nbst_live.backdrop.plate import Plate, shrink
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.closing import Closable
from nbst_live.gatys.settings import SolverSettings
from nbst_live.pictures import Style, cover
from nbst_live.stages import Alpha, Frame, Matte, Picture, Room

log = logging.getLogger(__name__)

DISSOLVE_SECONDS = 1.2
EAGER_FRAMES = 10
"""The first frames all go into the plate, later ones every PLATE_SECONDS."""
PLATE_SECONDS = 0.2
SETTLE_SECONDS = 1.0
"""How long the camera and the light must have been quiet before the room is painted again because of them."""
GROWN = 0.08
"""Growth of the plate's coverage after which the room is painted again."""

REFUSED = "the painting is too much like the room to be shown; a higher --strength helps"


@dataclass(slots=True)
class SolverState:
    """What the solver does and has done, for the status line and the report."""

    busy: bool = False
    step: int = 0
    steps: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    steps_done: int = 0
    solves: int = 0
    failures: int = 0
    pace: float = 1.0
    """Share of its time that it may compute, beside the live way."""
    trouble: str = ""
    """What went wrong and what comes next; empty once a painting is finished again."""


class RoomBackdrop(Closable):
    """Gathers the plate, has it painted, and shows only what is measurably painted.

    `size` is the frames' (width, height). `photo`, when given, is painted instead of the room. `latest` needs an
    `observe` before it. `painted_at` is the `time.monotonic()` of the first painted picture. For one thread, but `room`
    for any; nothing here waits for the solver. A finished painting is written to the cache on the spot.
    """

    def __init__(
        self,
        style: Style,
        size: tuple[int, int],
        settings: SolverSettings,
        worker: SolverWorker,
        cache: BackdropCache | None = None,
        *,
        photo: Picture | None = None,
        refresh: float = 60.0,
    ) -> None:
        self.state = SolverState()
        self.painted_at: float | None = None
        self._size, self._settings, self._worker, self._cache = size, settings, worker, cache
        self._photo = None if photo is None else cover(photo, *size)
        self._refresh = refresh
        self._means, self._pace = Means(settings), Pace()
        self._plate = Plate(*size)
        self._upsets = 0
        self._observed = 0
        self._added = 0.0
        self._screen: Dissolve | None = None
        self._next: Picture | None = None
        self._asked = 0.0
        self._asked_coverage = 0.0
        self._signature: Signature | None = None
        self._job_key = ""
        self._recovering = False
        self.use(style)

    def use(self, style: Style) -> None:
        """Changes to another style: its own picture stands in until the room is painted in it. Raises PictureError."""
        photo = b"" if self._photo is None else self._photo.tobytes()
        self._key = cache_key(style.paintings, self._settings, hashlib.sha256(photo).hexdigest())
        self.style = style
        self._painted = self._recovering = False
        if self._screen is not None:
            self._next = self._guarded(cover(style.picture, *self._size))
        self.refresh()

    def refresh(self) -> None:
        """Has the room painted again from the present result, now."""
        self._means.restore()
        self.state.trouble = ""
        self._want(0.0)

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        """Learns the room from a frame; the first one also makes sure that the style picture nowhere is the room."""
        if self._screen is None:
            first = privacy.repel(cover(self.style.picture, *self._size), frame.picture)
            self._screen = Dissolve(first, DISSOLVE_SECONDS)
        if alpha is None:
            return
        self._observed += 1
        if self._observed <= EAGER_FRAMES or frame.time - self._added >= PLATE_SECONDS:
            self._plate.learn(frame.picture, alpha, alpha if corrected is None else corrected)
            self._added = frame.time
            self._heed_upsets()
        if self._due(time.monotonic()):
            self._ask()

    def latest(self) -> Picture:
        """The backdrop of this moment, (H, W, 3) uint8 BGR; valid until the next call."""
        if self._screen is None:
            raise RuntimeError("latest() needs an observe() before it")
        for message in self._worker.poll():
            self._hear(message)
        now = time.monotonic()
        if self._next is not None and not self._screen.busy:
            self._screen.begin(self._next, now)
            self._next = None
        return self._screen.advance(now)

    def room(self) -> Room:
        """The empty room as it is known now."""
        return self._plate.room()

    def heed(self, load: float) -> None:
        """Lets the solver compute as much as the live way's load allows."""
        self._worker.pace = self.state.pace = self._pace.note(load)

    def close(self) -> None:
        """Ends the solver's process."""
        self._worker.close()

    def _want(self, delay: float) -> None:
        self._wanted: float | None = time.monotonic() + delay

    def _heed_upsets(self) -> None:
        """Wants the room painted again when the camera was moved or the light has changed, once that is over."""
        if self._plate.upsets == self._upsets:
            return
        self._upsets = self._plate.upsets
        if self._photo is None and (self._wanted is None or self._painted):
            log.info("the camera was moved, or the light has changed: the room will be painted again")
            self._want(SETTLE_SECONDS)

    def _due(self, now: float) -> bool:
        """Whether to ask for a painting: wanted, or with an idle solver when the plate has grown or the time is up."""
        if self._wanted is not None:
            return now >= self._wanted
        if self.state.busy:
            return False
        grown = self._photo is None and self._plate.coverage - self._asked_coverage >= GROWN
        return (grown and not self._means.exhausted) or 0 < self._refresh <= now - self._asked

    def _ask(self) -> None:
        """Sends the solver the room as it is known now; a cached painting of the same room is shown at once."""
        self._wanted, self._asked, self._asked_coverage = None, time.monotonic(), self._plate.coverage
        if self._means.exhausted:
            self._means.restore()
        room, known = self._room()
        plate, known = shrink(room, known, self._worker.size)
        self._signature, self._job_key = Signature.of(plate, known), self._key
        warm = self._painted
        found = None if self._cache is None else self._cache.load(self._key, self._signature)
        if found is not None and not warm:
            self._admit(found[1])
        if not self._worker.alive:
            log.warning("solver: starting its process again")
            self._worker.start()
        start = None if found is None else found[0]
        settings = self._means.settings
        self._worker.submit(plate, known, styles=self.style.paintings, settings=settings, start=start, warm=warm)
        self.state.busy, self.state.step = True, 0

    def _hear(self, message: Progress | Failed) -> None:
        """Takes one message of the solver into the state, and its picture if there is one."""
        state = self.state
        if isinstance(message, Failed):
            self._fall_back(message)
            return
        state.step, state.steps, state.loss = message.step, message.steps, message.loss
        state.steps_done += 1
        trouble = ""
        if message.published:
            picture = self._worker.take()
            if self._job_key != self._key:
                return  # painted in the style before this one
            if (message.final or not self._recovering) and not self._show(picture, final=message.final):
                trouble = REFUSED
        if message.final:
            self._means.succeed()
            state.solves += 1
            state.seconds += message.seconds
            if trouble:
                log.warning("solver: %s", trouble)
            else:
                if state.trouble:
                    log.warning("solver: painted again")
                log.info("solver: painted in %.1f s", message.seconds)
            self._recovering, state.busy, state.trouble = False, False, trouble

    def _fall_back(self, failed: Failed) -> None:
        """Has the job tried again with smaller means; one that died idle is only started again at the next job."""
        state = self.state
        state.failures += 1
        if not state.busy:
            log.warning("solver: %s", failed.reason)
            return
        state.busy, state.trouble = False, self._means.fail(failed)
        log.warning("solver: %s", state.trouble)
        # The next try begins anew: its coarse pictures must not come over a finished one.
        self._recovering = self._painted
        if not self._means.exhausted:
            self._want(self._means.delay)

    def _show(self, picture: Picture, *, final: bool) -> bool:
        """Admits a painted picture or refuses it; keeps a finished one in the cache, unless it was painted with lesser
        means.
        """
        admitted = self._admit(picture)
        keep = admitted and final and not self._means.reduced
        if keep and self._cache is not None and self._signature is not None:
            self._cache.store(self._key, self._signature, picture)
        return admitted

    def _admit(self, picture: Picture) -> bool:
        """Lines a painted picture up for the screen; refuses one that is still too much like the room."""
        full = cv2.resize(picture, self._size, interpolation=cv2.INTER_CUBIC)
        if self._photo is None and not privacy.painted(full, self._plate.picture(), self._plate.known):
            return False
        self._next = self._guarded(full)
        self._painted = True
        if self.painted_at is None:
            self.painted_at = time.monotonic()
        return True

    def _guarded(self, picture: Picture) -> Picture:
        """The picture, moved away from the room wherever the room is known."""
        guarded = privacy.repel(picture, self._plate.picture())
        return np.asarray(cv2.copyTo(guarded, self._plate.known, picture))

    def _room(self) -> tuple[Picture, Matte]:
        """What is to be painted, and where it is known: the photo if there is one, else the plate."""
        if self._photo is not None:
            return self._photo, np.full(self._photo.shape[:2], 255, np.uint8)
        return self._plate.picture(), self._plate.known
