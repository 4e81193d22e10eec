"""The main job: a live person over a painted room, until the source ends or the user quits."""

import logging
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime

from nbst_live import app, endpoints, pipeline
from nbst_live.backdrop.room import SolverState
from nbst_live.capture.rest import RestingSource
from nbst_live.commands import render
from nbst_live.commands.progress import Interruption
from nbst_live.commands.recordings import Recordings, new_name
from nbst_live.controls import Command, TerminalKeys, command_of, help_lines
from nbst_live.errors import NbstError
from nbst_live.logs import StatusLine, start_log
from nbst_live.report import check_report, live_report, write_report
from nbst_live.settings import Settings
from nbst_live.sinks.recorder import Recorder

log = logging.getLogger(__name__)

STATUS_SECONDS = 0.5


def run(settings: Settings) -> int:
    """Runs live, or renders a clip to a file; returns the exit status. Raises NbstError."""
    start_log(verbose=settings.verbose)
    check_report(settings.report)
    if endpoints.is_clip(settings) and settings.record is not None:
        return render.run(settings)
    if settings.refine != "guided":
        log.warning(
            "--refine %s is too slow for live frames, which go without; it is for stills and rendered clips",
            settings.refine,
        )
    with app.open_live(settings) as live, ExitStack() as opened:
        steering = Steering(live, settings, opened.enter_context(TerminalKeys()))
        opened.callback(steering.status.clear)
        interruption = opened.enter_context(Interruption())
        log.info("source: %s", live.source.info.detail)
        with steering.recordings as recordings:
            pipeline.run(live.source, live.pipeline, live.outputs, lambda: steering.tick() and not interruption.asked)
        if settings.report is not None:
            write_report(settings.report, live_report(live, recordings.ended))
    return 0


class Steering:
    """Turns keys into actions and shows the status line, once a frame."""

    def __init__(self, live: app.Live, settings: Settings, keys: TerminalKeys) -> None:
        self.status = StatusLine()
        self._live, self._settings, self._keys = live, settings, keys
        self.recordings = Recordings(self._open_recorder, live.outputs.sinks, self.status.say)
        self._running = True
        self._style = 0
        self._shown = (0.0, 0)

    def quit(self) -> None:
        """Ends the run after the frame under way."""
        self._running = False

    def tick(self) -> bool:
        """Does what the keys ask; whether to go on."""
        while (command := self._next_command()) is not None:
            self._do(command)
        self.recordings.look()
        self._show_status(time.monotonic())
        return self._running

    def _next_command(self) -> Command | None:
        key = self._live.preview.key() if self._live.preview is not None else None
        return (command_of(key) if key else None) or self._keys.poll()

    def _do(self, command: Command) -> None:
        live, view = self._live, self._live.view
        match command:
            case Command.QUIT:
                self.quit()
            case Command.NEXT_STYLE:
                self._next_style()
            case Command.REFRESH:
                live.backdrop.refresh()
            case Command.PANIC:
                live.pipeline.panic = not live.pipeline.panic
            case Command.RECORD:
                self.recordings.toggle()
            case Command.SHOW_MASK if view is not None:
                view.show_mask = not view.show_mask
            case Command.HELP:
                if view is not None:
                    view.show_help = not view.show_help
                self.status.say("\n".join(help_lines()))

    def _next_style(self) -> None:
        styles = self._live.styles
        if len(styles) == 1:
            self.status.say("nbst-live: there is no other style; give --style several times, without --style-mix")
            return
        self._style = (self._style + 1) % len(styles)
        try:
            self._live.backdrop.use(styles[self._style])
        except NbstError as error:
            log.warning("%s", error)

    def _open_recorder(self) -> Recorder:
        path = new_name(datetime.now())
        return endpoints.open_recorder(self._settings, path, self._live.source, live=True, sound=False)

    def _show_status(self, now: float) -> None:
        then, frames = self._shown
        if now - then < STATUS_SECONDS:
            return
        live, counts = self._live, self._live.pipeline.counts
        if isinstance(live.source, RestingSource) and live.source.resting:
            self.status.show("resting: no program reads the virtual camera")
            self._shown = (now, counts.frames_out)
            return
        latencies = live.pipeline.timer.stages["latency"]
        latency = f"{latencies[-1] * 1e3:.0f} ms" if latencies else "-"
        rate = (counts.frames_out - frames) / (now - then)
        parts = [
            f"{rate:.1f} fps",
            latency,
            f"{live.source.dropped} dropped",
            f"mask {live.masker.provider}",
            *self._flags(),
            # Last, as it may be too long for the terminal; its troubles are warnings too, on lines of their own.
            solver_line(live.backdrop.state),
        ]
        self.status.show("  ".join(parts))
        self._shown = (now, counts.frames_out)

    def _flags(self) -> Iterator[str]:
        if self._live.pipeline.panic:
            yield "PANIC"
        for sink in self._live.outputs.sinks:
            if isinstance(sink, Recorder):
                yield "REC" + (f" ({sink.dropped} left out)" if sink.dropped else "")


def solver_line(state: SolverState) -> str:
    """What the solver does, in a few words: its troubles, how far it is, and its pace where that is not its own."""
    doing = "painted"
    if state.busy:
        doing = f"painting {state.step}/{state.steps}" if state.step else "starting to paint"
        if state.pace < 1:
            doing += f" at {state.pace:.0%} pace"
    if not state.trouble:
        return doing
    return f"solver: {state.trouble}" + (f" ({doing})" if state.busy else "")
