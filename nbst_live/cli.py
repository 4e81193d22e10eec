"""The command line: reads options, runs one command, and is the only place that prints errors and exits.

Only the chosen command is imported, so that `--help` answers at once.
"""

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from importlib import import_module
from typing import Any, NoReturn

from nbst_live import __version__
from nbst_live.errors import NbstError
from nbst_live.settings import GROUPS, Settings, config_path, from_options, read_config

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


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(ERROR_STATUS, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the program; returns the exit status: 0, or 2 after an error, which is one line on stderr."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    name = arguments[0] if arguments and arguments[0] in COMMANDS else None
    try:
        if name is None:
            settings = _live_settings(arguments)
            return int(import_module("nbst_live.commands.live").run(settings))
        command = import_module(f"nbst_live.commands.{name}")
        parser = Parser(prog=f"nbst-live {name}", description=command.__doc__)
        command.add_options(parser)
        return int(command.run(parser.parse_args(arguments[1:])))
    except NbstError as error:
        print(f"nbst-live: error: {error}", file=sys.stderr)
        return ERROR_STATUS
    except KeyboardInterrupt:
        return 130


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


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Adds options for these settings; only those given on the command line will be in the parsed result, as text."""
    wanted = set(names)
    groups = {key: parser.add_argument_group(title) for key, title in GROUPS.items()}
    for field in fields(Settings):
        if field.name not in wanted:
            continue
        about = field.metadata
        text = about["help"].replace("%", "%%") + _default(field.default)
        options: dict[str, Any] = {"help": text, "default": argparse.SUPPRESS, "dest": field.name}
        if about["metavar"] is None:
            options |= {"action": "store_true"}
        else:
            options |= {"metavar": about["metavar"], "action": "append" if about["many"] else "store"}
        groups[about["group"]].add_argument(f"--{field.name.replace('_', '-')}", **options)


def settings_of(options: argparse.Namespace) -> Settings:
    """Settings from parsed options over the config file; options that are no settings are left out. Raises
    SettingError.
    """
    names = {field.name for field in fields(Settings)}
    given = {name: value for name, value in vars(options).items() if name in names}
    return from_options(given, read_config(config_path()))


def _live_settings(arguments: list[str]) -> Settings:
    parser = live_parser()
    if arguments and not arguments[0].startswith("-"):
        parser.error(f"got {arguments[0]!r}, expected an option or one of the commands {', '.join(COMMANDS)}")
    settings = settings_of(parser.parse_args(arguments))
    if not settings.style:
        parser.error("--style is missing: give a picture file or a built-in style's name (`nbst-live styles`)")
    return settings


def _default(value: object) -> str:
    if value in (None, (), False):
        return ""
    if isinstance(value, tuple):
        value = "x".join(map(str, value))
    return f" (default: {value:g})" if isinstance(value, float) else f" (default: {value})"
