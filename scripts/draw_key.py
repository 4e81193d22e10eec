"""Draws docs/key.jpg: what knowing the room is worth, on a drawn person who walks before the drawn room.

    python scripts/draw_key.py -o docs/key.jpg

Columns: the frame, the mask network's alpha, the plate as it is known by then, alpha corrected by it, the result. Rows:
the first frames, while going, and after it.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from eval_picture import Ours
from picture_clips import SIZE, Clip, Image, drawn

from nbst_live import models
from nbst_live.capture.drawn_room import draw_room
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.seen import Sight
from nbst_live.pictures import cover, open_style, write_picture
from nbst_live.stages import Alpha

FIGURE, FRAMES = 2, (8, 18, 34)
CELL = 320, 180


def grey(alpha: Alpha) -> Image:
    return cv2.cvtColor(np.rint(cv2.resize(alpha, SIZE) * 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="F.jpg")
    args = parser.parse_args()
    masker, key = OnnxMasker(models.find("person-fast"), SIZE), DifferenceKey(models.find("room-key"))
    way = Ours(masker, EdgeSolver(models.find("edge-alpha")), cover(open_style("swirl").picture, *SIZE))
    rows = []
    for index, shot in enumerate(Clip(drawn(FIGURE), draw_room(*SIZE), seed=0).shots()):
        room = way.room()
        result, _ = way.step(shot.picture)
        if index in FRAMES:
            seen = Sight(over_time=False).of(shot.picture, *masker.size)
            alpha = masker.mask(seen.small)
            known = cv2.copyTo(room.picture, room.known)
            cells = [shot.picture, grey(alpha), known, grey(key.correct(alpha, seen, room)), result]
            rows.append(np.hstack([cv2.resize(cell, CELL, interpolation=cv2.INTER_AREA) for cell in cells]))
    write_picture(args.output, np.vstack(rows))


if __name__ == "__main__":
    main()
