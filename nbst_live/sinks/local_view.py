"""What only the user's own window shows: the mask, and the keys."""

from collections.abc import Callable, Sequence

import cv2

from nbst_live.closing import Closable
from nbst_live.stages import Matte, Picture, Sink

LINE_HEIGHT = 28
MARGIN = 16


class LocalView(Closable):
    """Stands before a window's sink. `show_mask` puts the matte in place of the picture, `show_help` the keys over
    it.
    """

    def __init__(self, sink: Sink, matte: Callable[[], Matte | None], help_lines: Sequence[str]) -> None:
        self.name = sink.name
        self.show_mask = self.show_help = False
        self._sink, self._matte, self._help_lines = sink, matte, help_lines

    def send(self, picture: Picture, time: float) -> None:
        """Sends what is to be shown on; the picture itself is not changed."""
        matte = self._matte() if self.show_mask else None
        if matte is not None:
            picture = cv2.cvtColor(matte, cv2.COLOR_GRAY2BGR)
        if self.show_help:
            picture = self._with_help(picture)
        self._sink.send(picture, time)

    def close(self) -> None:
        """Closes the window's sink."""
        self._sink.close()

    def _with_help(self, picture: Picture) -> Picture:
        shown = picture.copy()
        height = MARGIN + LINE_HEIGHT * len(self._help_lines)
        shown[:height] //= 3
        for number, line in enumerate(self._help_lines, start=1):
            place = (MARGIN, LINE_HEIGHT * number)
            cv2.putText(shown, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
        return shown
