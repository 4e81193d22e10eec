"""The command line of scripts/fault_test."""

import argparse
import sys
import tempfile
from importlib import import_module
from pathlib import Path

from faults import AREAS, FAULTS
from faults.runner import ONE, inject_here, run_all, table, write_json


def main() -> int:
    for area in AREAS:
        import_module(f"faults.{area}")
    if sys.argv[1:2] == [ONE]:
        return inject_here(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])
    parser = argparse.ArgumentParser(prog="scripts/fault_test", description="Injects faults and prints what follows.")
    parser.add_argument("--vm", type=Path, help="the program that runs a command in the emulated machine")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows to this file")
    parser.add_argument("--only", default="", metavar="WORD", help="only the faults whose name holds this word")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep each fault's folder in this one")
    options = parser.parse_args()
    chosen = [one for one in FAULTS.values() if options.only in one.name]
    if not chosen:
        parser.error(f"no fault's name holds {options.only!r}; there are {', '.join(FAULTS)}")
    with tempfile.TemporaryDirectory(prefix="nbst-live-faults-") as temporary:
        rows = run_all(chosen, options.keep or Path(temporary), options.vm)
    print(table(rows))
    if options.json is not None:
        write_json(options.json, rows)
    return int(not all(row.passed or (row.skipped and options.vm is None) for row in rows))


if __name__ == "__main__":
    sys.exit(main())
