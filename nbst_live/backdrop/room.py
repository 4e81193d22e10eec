"""The live backdrop: the user's own room, painted, from the style picture of the first frame to the finished
painting.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from nbst_live.backdrop import privacy
from nbst_live.backdrop.cache import BackdropCache, Signature, cache_key
from nbst_live.backdrop.job import Failed, Progress
from nbst_live.backdrop.means import Means
from nbst_live.backdrop.pace import Pace
from nbst_live.backdrop.plate import Plate, shrink_plate
from nbst_live.backdrop.screen import Screen
from nbst_live.backdrop.worker import SolverWorker
from nbst_live.closing import Closable
from nbst_live.gatys.settings import SolverSettings
from nbst_live.pictures import Style, cover
from nbst_live.stages import Alpha, Frame, Matte, Picture, Room

log = logging.getLogger(__name__)

EAGER_FRAMES = 10
"""The first frames all go into the plate, later ones every PLATE_SECONDS."""
PLATE_SECONDS = 0.2
SETTLE_SECONDS = 1.0
"""How long the camera and the light must have been quiet before the room is painted again because of them."""
GROWN = 0.08
"""Growth of the plate's coverage after which the room is painted anew."""


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


@dataclass(frozen=True, slots=True)
class Commission:
    """A painting that the solver was asked for: in which style, by its cache key, and of which room.

    `plate` and `known` are the room's at the solver's size. `again`: it goes on from the last one; `whole`: it is shown
    when finished, as its first pictures would come over a finished one; `instead`: it took the place of an unfinished
    one.
    """

    key: str
    plate: Picture
    known: Matte
    signature: Signature
    again: bool
    whole: bool
    instead: bool


class RoomBackdrop(Closable):
    """Gathers the plate, has it painted, and shows only what is measurably painted.

    The first painting of a style is shown as it gets finer. Later ones that the clock asks for go on from the last;
    a room that was not painted so yet, be it moved, in another light or seen further, is painted anew, and so it is on
    request.

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
        self._screen: Screen | None = None
        self._asked = 0.0
        self._asked_coverage = 0.0
        self._commission: Commission | None = None
        self.use(style)

    def use(self, style: Style) -> None:
        """Changes to another style: its own picture stands in until the room is painted in it. Raises PictureError."""
        photo = b"" if self._photo is None else self._photo.tobytes()
        self._key = cache_key(style.paintings, self._settings, self._worker.size, hashlib.sha256(photo).hexdigest())
        self.style = style
        self._painted = self._finished = False
        self._painted_from: Signature | None = None
        if self._screen is not None:
            self._screen.bring(cover(style.picture, *self._size))
        self.refresh()

    def refresh(self) -> None:
        """Has the room painted anew, now."""
        self._means.restore()
        self.state.trouble = ""
        self._want_anew(0.0)

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        """Learns the room from a frame; the first one also makes sure that the style picture nowhere is the room."""
        if self._screen is None:
            self._screen = Screen(cover(self.style.picture, *self._size), frame.picture)
        if alpha is None:
            return
        self._observed += 1
        if self._observed <= EAGER_FRAMES or frame.time - self._added >= PLATE_SECONDS:
            self._plate.learn(frame.picture, alpha, alpha if corrected is None else corrected)
            self._added = frame.time
            self._heed_plate()
            self._screen.watch(self._plate.room())
        if self._due(time.monotonic()):
            self._ask()

    def latest(self) -> Picture:
        """The backdrop of this moment, (H, W, 3) uint8 BGR; valid until the next call."""
        if self._screen is None:
            raise RuntimeError("latest() needs an observe() before it")
        for message in self._worker.poll():
            self._hear(message)
        return self._screen.advance(self._plate.room(), time.monotonic())

    def room(self) -> Room:
        """The empty room as it is known now."""
        return self._plate.room()

    def heed(self, load: float) -> None:
        """Lets the solver compute as much as the live way's load allows."""
        self._worker.pace = self.state.pace = self._pace.note(load)

    def close(self) -> None:
        """Ends the solver's process."""
        self._worker.close()
        self.state.busy = False

    def _want_anew(self, delay: float, *, patient: bool = False) -> None:
        """Wants the room painted, and not from the last painting, in so many seconds. A `patient` wish lets a painting
        be finished that has already taken an unfinished one's place: who wishes often would else never see one.
        """
        self._wanted: float | None = time.monotonic() + delay
        self._anew, self._patient = True, patient

    def _heed_plate(self) -> None:
        """Wants the room painted anew when the camera was moved or the light has changed, once that is over, and when
        much more of it is known.
        """
        moved, self._upsets = self._plate.upsets != self._upsets, self._plate.upsets
        if self._photo is not None:
            return
        if moved and (self._wanted is None or self._painted):
            log.info("the camera was moved, or the light has changed: the room will be painted anew")
            self._want_anew(SETTLE_SECONDS, patient=True)
        grown = self._plate.coverage - self._asked_coverage >= GROWN
        if grown and self._wanted is None and not self.state.busy and not self._means.exhausted:
            self._want_anew(0.0)

    def _due(self, now: float) -> bool:
        """Whether to ask for a painting: wanted, or with an idle solver when the time is up."""
        if self._wanted is not None:
            job = self._commission
            kept = self._patient and self.state.busy and job is not None and job.instead
            return now >= self._wanted and not kept
        return not self.state.busy and 0 < self._refresh <= now - self._asked

    def _ask(self) -> None:
        """Sends the solver the room as it is known now; a cached painting of the same room is shown at once."""
        self._wanted, self._asked, self._asked_coverage = None, time.monotonic(), self._plate.coverage
        if self._means.exhausted:
            self._means.restore()
        if not self._worker.alive:
            log.warning("solver: starting its process again")
            self._worker.start()
            self._anew = True
        plate, known = shrink_plate(*self._room(), self._worker.size)
        signature = Signature.of(plate, known)
        before = self._painted_from
        again = not self._anew and before is not None and before.covers(signature)
        start = None if self._finished else self._recall(plate, known, signature)
        whole, instead = self._finished and not again, self.state.busy
        self._commission = Commission(self._key, plate, known, signature, again, whole, instead)
        settings = self._means.settings
        self._worker.submit(plate, known, styles=self.style.paintings, settings=settings, start=start, warm=again)
        self._anew, self.state.busy, self.state.step = False, True, 0

    def _recall(self, plate: Picture, known: Matte, signature: Signature) -> Path | None:
        """Shows the cached painting of this room, if there is one; its file, if it will do to go on from."""
        found = None if self._cache is None else self._cache.load(self._key, signature)
        if found is None or not self._admit(found.picture, plate, known):
            return None
        self._painted_from, self._finished = found.signature, True
        return found.path if found.signature.covers(signature) else None

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
            picture, job = self._worker.take(), self._commission
            if job is None or job.key != self._key:
                return  # painted in the style before this one
            if (message.final or not job.whole) and not self._show(picture, job, final=message.final):
                trouble = privacy.REFUSED
        if message.final:
            self._finished = True
            self._means.succeed()
            state.solves += 1
            state.seconds += message.seconds
            if trouble:
                log.warning("solver: %s", trouble)
            else:
                if state.trouble:
                    log.warning("solver: painted again")
                log.info("solver: painted in %.1f s", message.seconds)
            state.busy, state.trouble = False, trouble

    def _fall_back(self, failed: Failed) -> None:
        """Has the job tried again with smaller means; one that died idle is only started again at the next job."""
        state = self.state
        state.failures += 1
        self._anew = True  # what the next one could go on from is lost
        if not state.busy:
            log.warning("solver: %s", failed.reason)
            return
        state.busy, state.trouble = False, self._means.fail(failed)
        log.warning("solver: %s", state.trouble)
        if not self._means.exhausted:
            self._want_anew(self._means.delay)

    def _show(self, picture: Picture, job: Commission, *, final: bool) -> bool:
        """Admits a painted picture or refuses it; keeps a finished one in the cache, unless it was painted with lesser
        means.
        """
        if not self._admit(picture, job.plate, job.known):
            return False
        if final and not job.again:
            self._painted_from = job.signature
        if final and self._cache is not None and not self._means.reduced:
            self._cache.store(job.key, job.signature, picture)
        return True

    def _admit(self, picture: Picture, plate: Picture, known: Matte) -> bool:
        """Lines a painted picture up for the screen; refuses one that is still too much like the plate, of its size."""
        if self._photo is None and not privacy.painted(picture, plate, known):
            return False
        assert self._screen is not None
        self._screen.bring(np.asarray(cv2.resize(picture, self._size, interpolation=cv2.INTER_CUBIC), np.uint8))
        self._painted = True
        if self.painted_at is None:
            self.painted_at = time.monotonic()
        return True

    def _room(self) -> tuple[Picture, Matte]:
        """What is to be painted, and where it is known: the photo if there is one, else the plate."""
        if self._photo is not None:
            return self._photo, np.full(self._photo.shape[:2], 255, np.uint8)
        return self._plate.picture(), self._plate.known
