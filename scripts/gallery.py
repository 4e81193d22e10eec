"""Draws docs/gallery.jpg: the astronaut portrait and the drawn room in every built-in style and in those of a folder.

python scripts/gallery.py --styles DIR -o docs/gallery.jpg [--full DIR] [--size N]
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from ablation import Easel
from skimage.data import astronaut

from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.gatys.settings import SolverSettings
from nbst_live.memory import keep_freed_memory
from nbst_live.models import builtin_styles
from nbst_live.pictures import cover, read_picture, write_picture
from nbst_live.stages import Picture

CELL = 200
"""Height in pixels of a row of the gallery."""
COLUMNS = 2


def cell(style: Picture, name: str, pictures: list[Picture]) -> Picture:
    """The painting, and both results beside it, with a title above."""
    shown = [cover(style, CELL * 3 // 4, CELL), *pictures]
    row = cv2.hconcat(
        [cv2.resize(p, (p.shape[1] * CELL // p.shape[0], CELL), interpolation=cv2.INTER_AREA) for p in shown]
    )
    row = cv2.copyMakeBorder(row, 26, 8, 0, 8, cv2.BORDER_CONSTANT, value=(255, 255, 255))
    cv2.putText(row, name, (2, 19), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40, 40, 40), 1, cv2.LINE_AA)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--styles", type=Path, metavar="DIR", help="a folder of more paintings")
    parser.add_argument("--full", type=Path, metavar="DIR", help="write every picture at full size here, to look at")
    parser.add_argument("-o", "--output", type=Path, required=True)
    size = SolverSettings().size
    parser.add_argument("--size", type=int, default=size, help="long side of the paintings (default: %(default)s)")
    args = parser.parse_args()
    keep_freed_memory()
    files = {**builtin_styles(), **({path.stem: path for path in sorted(args.styles.iterdir())} if args.styles else {})}
    portrait = np.ascontiguousarray(astronaut()[..., ::-1])  # type: ignore[no-untyped-call]
    photos = {"portrait": portrait, "room": SyntheticClip(1280, 720, 150, 30.0).frame(75)}
    settings, cells = SolverSettings(size=args.size), []
    for name, path in files.items():
        style, painted = read_picture(path), []
        for kind, photo in photos.items():
            easel = Easel(photo, style, "person-fine")
            painted.append(easel.over(easel.aware(settings).picture, easel.matte))
            if args.full:
                args.full.mkdir(parents=True, exist_ok=True)
                write_picture(args.full / f"{name}-{kind}.png", painted[-1])
        cells.append(cell(style, name, painted))
        print(name, flush=True)
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % COLUMNS)
    rows = [cv2.hconcat(cells[k : k + COLUMNS]) for k in range(0, len(cells), COLUMNS)]
    write_picture(args.output, cv2.vconcat(rows))


if __name__ == "__main__":
    main()
