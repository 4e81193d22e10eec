"""A mask that is opened again when its session is lost: a graphics card that was reset, a driver that was updated."""

import logging
import time
from collections.abc import Callable

from nbst_live.closing import Closable
from nbst_live.errors import MaskError, NbstError
from nbst_live.stages import Alpha, Masker, Picture

log = logging.getLogger(__name__)

LOST_FRAMES = 3
"""Failures in a row after which the session is taken for lost; fewer may be one frame's."""
RETRY_SECONDS = 1.0


class RevivingMasker(Closable):
    """Gives a masker's alphas; one that fails frame after frame is closed and another one opened.

    `reopen` opens it, first with False: as before, then, where that does not help, with True: on the CPU. Until one
    works each frame raises MaskError. Closes the masker that it has in the end.
    """

    def __init__(self, masker: Masker, reopen: Callable[[bool], Masker]) -> None:
        self._masker, self._reopen = masker, reopen
        self._failures = self._tries = 0
        self._next_try = 0.0

    @property
    def provider(self) -> str:
        return self._masker.provider

    @property
    def size(self) -> tuple[int, int]:
        return self._masker.size

    def mask(self, picture: Picture) -> Alpha:
        """Alpha at the network's size. Raises MaskError."""
        try:
            alpha = self._masker.mask(picture)
        except MaskError as error:
            self._failures += 1
            if self._failures >= LOST_FRAMES and time.monotonic() >= self._next_try:
                self._revive(error)
            raise
        if self._tries:
            log.warning("mask: it works again, on %s", self.provider)
        self._failures = self._tries = 0
        return alpha

    def close(self) -> None:
        self._masker.close()

    def _revive(self, reason: MaskError) -> None:
        """Opens another masker; the present one stays, failing, where that does not work."""
        on_cpu, self._tries = self._tries > 0, self._tries + 1
        log.warning("mask: the session on %s is lost (%s); opening it again", self.provider, reason)
        try:
            masker = self._reopen(on_cpu)
        except NbstError as error:
            log.warning("mask: %s", error)
        else:
            self._masker.close()
            self._masker = masker
        self._next_try = time.monotonic() + RETRY_SECONDS
