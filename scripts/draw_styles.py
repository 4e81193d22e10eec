"""Draw the style pictures: eight paintings made by code alone, so that anybody may use and ship them.

Every painting starts from an imagined scene (hills, water, a sun) as fields of colour and direction, and is done in one
technique with the brushes of paintings/brushes.py. The same seed gives the same picture.

    python scripts/draw_styles.py -o models/styles [NAME...]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from paintings import PAINTINGS

SEED = 7
JPEG_QUALITY = 88


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the style pictures.")
    parser.add_argument("-o", "--output", type=Path, default=Path(__file__).parents[1] / "models" / "styles")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which, of {', '.join(PAINTINGS)}; default: all")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(PAINTINGS):
        parser.error(f"no painting named {', '.join(sorted(unknown))}; there are {', '.join(PAINTINGS)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or PAINTINGS:
        picture = PAINTINGS[name](np.random.default_rng(SEED))
        path = arguments.output / f"{name}.jpg"
        cv2.imwrite(str(path), np.rint(picture).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        print(path)


if __name__ == "__main__":
    main()
