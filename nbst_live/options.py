"""Settings as options of the command line."""

import argparse
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from nbst_live.settings import GROUPS, Settings, config_path, from_options, read_config


def add_settings(parser: argparse.ArgumentParser, names: Iterable[str]) -> None:
    """Adds options for these settings; only those given on the command line will be in the parsed result, as text, a
    flag as whether it is on.
    """
    wanted = set(names)
    groups = {key: parser.add_argument_group(title) for key, title in GROUPS.items()}
    for field in fields(Settings):
        if field.name not in wanted:
            continue
        about = field.metadata
        text = about["help"].replace("%", "%%") + _default(field.default)
        options: dict[str, Any] = {"help": text, "default": argparse.SUPPRESS, "dest": field.name}
        if about["metavar"] is None:
            denied = field.name.startswith("no_")
            options |= {"action": "store_true" if denied else argparse.BooleanOptionalAction}
        else:
            options |= {"metavar": about["metavar"], "action": "append" if about["many"] else "store"}
        groups[about["group"]].add_argument(f"--{field.name.replace('_', '-')}", **options)


def settings_of(options: argparse.Namespace, only: Iterable[str] | None = None) -> Settings:
    """Settings from parsed options over the config file; with `only`, no others than these. Raises SettingError."""
    names = {field.name for field in fields(Settings)} if only is None else set(only)
    config = {name: value for name, value in read_config(config_path()).items() if name in names}
    return from_options({name: value for name, value in vars(options).items() if name in names}, config)


def _default(value: object) -> str:
    if value in (None, (), False):
        return ""
    if isinstance(value, tuple):
        value = "x".join(map(str, value))
    return f" (default: {value:g})" if isinstance(value, float) else f" (default: {value})"
