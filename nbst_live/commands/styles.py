"""Lists the built-in styles."""

import argparse

from nbst_live.models import load_manifest, models_dir


def add_options(parser: argparse.ArgumentParser) -> None:
    """`nbst-live styles` has no options."""


def run(_options: argparse.Namespace) -> int:
    """Prints a line for each style; returns the exit status."""
    for style in load_manifest().styles.values():
        print(f"{style.name:14} {style.title}  ({models_dir() / style.file})")
    return 0
