"""Keys reach the program one by one, and the terminal is given back as it was."""

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from media import environment

from nbst_live.controls import KEYS, Command, TerminalKeys, command_of, help_lines

posix = pytest.mark.skipif(sys.platform == "win32", reason="speaks to a POSIX terminal")


def test_every_command_has_one_key_and_one_help_text() -> None:
    assert [key.command for key in KEYS] == list(Command)
    assert len({key.command.value for key in KEYS}) == len(KEYS)
    assert all(key.help and len(key.command.value) == 1 for key in KEYS)


def test_help_has_a_line_for_every_key() -> None:
    for key, line in zip(KEYS, help_lines(), strict=True):
        assert line.split(maxsplit=1) == [key.label, key.help]


@pytest.mark.parametrize(
    ("key", "command"),
    [("q", Command.QUIT), ("N", Command.NEXT_STYLE), (" ", Command.PANIC), ("x", None), ("", None), ("\x1b", None)],
)
def test_a_key_is_a_command(key: str, command: Command | None) -> None:
    assert command_of(key) is command


def test_nothing_is_done_where_stdin_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO("q")
    closed.close()
    for stdin in (io.StringIO("q"), closed, None):
        monkeypatch.setattr(sys, "stdin", stdin)
        with TerminalKeys() as keys:
            assert keys.poll() is None


# Takes the terminal for its own, as a login does: only then has it a foreground. Then tells the commands it gets, one
# line each; "help" raises an error, to leave the block by an exception.
CHILD = """
import fcntl, signal, sys, termios, time
from nbst_live.controls import Command, TerminalKeys
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what was started in the background
with TerminalKeys() as keys:
    print("ready", flush=True)
    for _ in range(1000):
        command = keys.poll()
        if command:
            print(command.name, flush=True)
        if command is Command.HELP:
            raise RuntimeError("left by an exception")
        if command is Command.QUIT:
            break
        time.sleep(0.01)
"""


class Terminal:
    """A child process on a terminal of its own, of which this process holds the other end."""

    def __init__(self) -> None:
        import pty

        self.keyboard, self.line = pty.openpty()
        self.before = self.modes()
        self.child = subprocess.Popen(
            [sys.executable, "-c", CHILD],
            stdin=self.line,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment(),
            text=True,
            start_new_session=True,
        )
        assert self.said() == "ready"

    def modes(self) -> list[object]:
        import termios

        return termios.tcgetattr(self.line)

    def type(self, keys: str) -> None:
        os.write(self.keyboard, keys.encode())

    def said(self) -> str:
        assert self.child.stdout is not None
        return self.child.stdout.readline().strip()

    def close(self) -> None:
        self.child.kill()
        self.child.wait(5)
        if self.child.stdout is not None:
            self.child.stdout.close()
        os.close(self.keyboard)
        os.close(self.line)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    opened = Terminal()
    yield opened
    opened.close()


@posix
class TestTerminal:
    def test_keys_come_without_enter_and_in_order(self, terminal: Terminal) -> None:
        terminal.type("n")
        assert terminal.said() == "NEXT_STYLE"
        terminal.type("xB \r\n")
        assert [terminal.said(), terminal.said()] == ["REFRESH", "PANIC"]

    @pytest.mark.parametrize("key", ["\x1b[B", "\x1bOQ", "\x1b[1;5B", "\x1b[24~", "\x1b[[B", "\x1b"])
    def test_arrow_and_function_keys_are_no_commands_and_hide_none(self, terminal: Terminal, key: str) -> None:
        terminal.type(f"b{key}m{key}{key} ")
        assert [terminal.said() for _ in range(3)] == ["REFRESH", "SHOW_MASK", "PANIC"]

    def test_keys_work_again_after_the_shell_had_the_terminal(self, terminal: Terminal) -> None:
        import termios

        terminal.type("n")
        assert terminal.said() == "NEXT_STYLE"
        terminal.child.send_signal(signal.SIGSTOP)
        termios.tcsetattr(terminal.line, termios.TCSANOW, terminal.before)  # as a shell does before `fg`
        terminal.child.send_signal(signal.SIGCONT)
        terminal.type(" ")
        assert terminal.said() == "PANIC"

    @pytest.mark.parametrize(("key", "status"), [("q", 0), ("h", 1), ("\x03", -2)])
    def test_the_terminal_is_given_back(self, terminal: Terminal, key: str, status: int) -> None:
        import termios

        assert terminal.modes() != terminal.before
        terminal.type(key)
        # Ctrl+C ends Python by the signal itself, once KeyboardInterrupt has left every block.
        assert terminal.child.wait(10) == status
        assert terminal.modes()[:4] == terminal.before[:4]
        assert terminal.modes()[3] & termios.ECHO  # type: ignore[operator]

    def test_in_the_background_the_terminal_is_left_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import pty
        import termios

        keyboard, line = pty.openpty()  # not the terminal that this process was started from
        with os.fdopen(line) as stdin:
            before = termios.tcgetattr(line)
            monkeypatch.setattr(sys, "stdin", stdin)
            os.write(keyboard, b"q\n")
            with TerminalKeys() as keys:
                assert termios.tcgetattr(line) == before
                assert keys.poll() is None
            os.close(keyboard)
