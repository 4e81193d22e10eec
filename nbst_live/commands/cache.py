"""Shows or clears the stored backdrops."""

import argparse

from nbst_live.backdrop.cache import BackdropCache, cache_folder


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `nbst-live cache`."""
    parser.add_argument("action", choices=("show", "clear"), help="show: where and how much; clear: remove all")


def run(options: argparse.Namespace) -> int:
    """Does it; returns the exit status. Raises InputError."""
    cache = BackdropCache(cache_folder())
    if options.action == "clear":
        pictures, size = cache.clear()
        print(f"removed {pictures} backdrops, {size / 1e6:.1f} MB")
    else:
        pictures, size = cache.usage()
        print(f"{pictures} backdrops, {size / 1e6:.1f} MB in {cache_folder()}")
    return 0
