"""What the user sees and steers while it runs."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest

from nbst_live.backdrop.room import SolverState
from nbst_live.commands.live import STATUS_SECONDS, Steering, solver_line
from nbst_live.controls import Command
from nbst_live.logs import CLEAR_LINE
from nbst_live.pipeline import Counts
from nbst_live.settings import Settings
from nbst_live.sinks.recorder import Recorder
from nbst_live.timing import StageTimer


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (SolverState(), "painted"),
        (SolverState(busy=True), "starting to paint"),
        (SolverState(busy=True, step=3, steps=300), "painting 3/300"),
        (SolverState(busy=True, step=3, steps=300, pace=0.456), "painting 3/300 at 46% pace"),
        (SolverState(pace=0.5), "painted"),
        (SolverState(trouble="killed, trying again at 427 px"), "solver: killed, trying again at 427 px"),
        (
            SolverState(busy=True, step=3, steps=300, trouble="killed, trying again at 427 px"),
            "solver: killed, trying again at 427 px (painting 3/300)",
        ),
    ],
)
def test_the_status_says_what_the_solver_does(state, line):
    assert solver_line(state) == line


def test_what_the_user_does_is_seen_before_troubles_too_long_for_the_terminal(capsys, monkeypatch):
    state = SolverState(trouble="out of memory, trying again at 427 px")
    live = SimpleNamespace(
        source=SimpleNamespace(dropped=0),
        masker=SimpleNamespace(provider="cpu"),
        pipeline=SimpleNamespace(counts=Counts(), timer=StageTimer(), panic=True),
        outputs=SimpleNamespace(sinks=[Mock(spec=Recorder, dropped=3)]),
        backdrop=SimpleNamespace(state=state),
    )
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    Steering(live, Settings(), Keys())._show_status(STATUS_SECONDS)
    line = capsys.readouterr().err.removeprefix(CLEAR_LINE)
    assert line == "0.0 fps  -  0 dropped  mask cpu  PANIC  REC (3 left out)  solver: out of memory"[:79]


class Keys:
    """Types some commands."""

    def __init__(self, *commands: Command) -> None:
        self._commands = list(commands)

    def poll(self) -> Command | None:
        return self._commands.pop(0) if self._commands else None


def steered(styles: list[str], *commands: Command, capsys) -> tuple[list[str], str]:
    """The styles that were changed to, and what was said."""
    used: list[str] = []
    outputs, backdrop = SimpleNamespace(sinks=[]), SimpleNamespace(use=used.append)
    live = SimpleNamespace(preview=None, view=None, styles=styles, outputs=outputs, backdrop=backdrop)
    steering = Steering(live, Settings(), Keys(*commands))
    steering._show_status = lambda now: None
    assert steering.tick()
    return used, capsys.readouterr().err


def test_key_n_goes_through_the_styles_and_back_to_the_first(capsys):
    assert steered(["a", "b", "c"], *[Command.NEXT_STYLE] * 4, capsys=capsys)[0] == ["b", "c", "a", "b"]


def test_one_style_or_blend_has_no_next(capsys):
    used, said = steered(["a"], Command.NEXT_STYLE, capsys=capsys)
    assert used == []
    assert "there is no other style" in said
