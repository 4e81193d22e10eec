"""The command line: reads options, runs one command, and is the only place that prints errors and exits.

Only the chosen command is imported, so that `--help` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from typing import NoReturn

from nbst_live.errors import NbstError
from nbst_live.options import add_settings, settings_of
from nbst_live.settings import Settings, config_path
from nbst_live.version import __version__

COMMANDS = {
    "image": "paint behind the people of still pictures",
    "mask": "write the person mask of a picture or clip",
    "demo": "show what it does, without a camera or a file",
    "doctor": "say what this machine has, and how to get what it lacks",
    "bench": "measure speed and latency on this machine",
    "styles": "list the built-in styles",
    "cache": "show or clear the stored backdrops",
}
ERROR_STATUS = 2
PIPE_STATUS = 141
"""As of a program that SIGPIPE ended."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ERROR_STATUS, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns the exit status: 0, or 2 after an error, which is one line on stderr."""
    try:
        try:
            return _run(list(sys.argv[1:] if argv is None else argv))
        finally:
            print(end="", flush=True)
    except NbstError as error:
        print(f"nbst-live: error: {error}", file=sys.stderr)
        return ERROR_STATUS
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read what is printed has seen enough (`| head`); Python would complain of the rest as it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_STATUS


def _run(arguments: list[str]) -> int:
    name = arguments[0] if arguments and arguments[0] in COMMANDS else None
    if name is None:
        settings = _live_settings(arguments)
        return int(import_module("nbst_live.commands.live").run(settings))
    command = import_module(f"nbst_live.commands.{name}")
    parser = Parser(prog=f"nbst-live {name}", description=command.__doc__)
    command.add_options(parser)
    return int(command.run(parser.parse_args(arguments[1:])))


def live_parser() -> Parser:
    """The options of the main job: every setting."""
    commands = "\n".join(f"  {name:8} {text}" for name, text in COMMANDS.items())
    parser = Parser(
        prog="nbst-live",
        usage="nbst-live --style FILE|NAME [options]\n       nbst-live COMMAND [options]",
        description="Keeps the person in front of the camera live and turns the room behind into a painting.",
        epilog=f'commands:\n{commands}\n\nOptions may also stand in {config_path()}, such as: style = ["starry.jpg"]',
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    add_settings(parser, (field.name for field in fields(Settings)))
    other = parser.add_argument_group("other")
    other.add_argument("-h", "--help", action="help", help="show this help and exit")
    other.add_argument("--version", action="version", version=f"nbst-live {__version__}")
    return parser


def _live_settings(arguments: list[str]) -> Settings:
    parser = live_parser()
    if arguments and not arguments[0].startswith("-"):
        parser.error(f"got {arguments[0]!r}, expected an option or one of the commands {', '.join(COMMANDS)}")
    settings = settings_of(parser.parse_args(arguments))
    if not settings.style:
        parser.error("--style is missing: give a picture file or a built-in style's name (`nbst-live styles`)")
    return settings
