"""`python -m nbst_live` is `nbst-live`."""

import sys

from nbst_live.cli import main

if __name__ == "__main__":
    sys.exit(main())
