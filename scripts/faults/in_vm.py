"""The faults of the emulated machine, some of them or all, injected by hand.

    PYTHONPATH=scripts python -m faults.in_vm --vm VM --out DIR [NAME ...]

leaves in DIR what became of them, and pictures that the virtual camera gave. Without --vm it is the machine's own side.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from faults import vm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vm", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    for area in vm.AREAS:
        import_module(f"faults.{area}")
    if options.vm is None:
        return vm.inside(options.names)
    vm.boot(options.vm, options.out.resolve(), options.names)
    print((options.out / vm.RESULTS).read_text(encoding="utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
