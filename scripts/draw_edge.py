"""Draws docs/edge.jpg: the astronaut's hair, ear and shoulders in full size, before and after.

    python scripts/draw_edge.py -o docs/edge.jpg

Columns: the photo, the mask cut at 0.5 and pasted, the product's own way, the same after `--refine crf`. Each crop is
enlarged ZOOM times without smoothing.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from skimage import data

from nbst_live import models
from nbst_live.composite import Compositor
from nbst_live.mask.crf import CrfMasker
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import MatteRefiner
from nbst_live.pictures import cover, open_style, write_picture
from nbst_live.stages import Alpha, Picture

CROPS = ((95, 60), (245, 40), (255, 150))
"""Left upper corners (x, y): hair on the left, hair on the right, ear and shoulder."""
WIDTH, HEIGHT, ZOOM = 110, 95, 2
LIGHT_WRAP = 0.15


def pasted(photo: Picture, alpha: Alpha, backdrop: Picture) -> npt.NDArray[np.uint8]:
    inside = cv2.resize(alpha, photo.shape[1::-1]) >= 0.5
    return np.where(inside[..., None], photo, backdrop)


def ours(photo: Picture, alpha: Alpha, backdrop: Picture) -> Picture:
    cutout = MatteRefiner(EdgeSolver(models.find("edge-alpha")), over_time=False).refine(alpha, photo)
    return Compositor(*photo.shape[1::-1], light_wrap=LIGHT_WRAP).blend(photo, cutout, backdrop)


def sheet(pictures: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """A row for each crop, a column for each picture."""
    rows = [np.hstack([p[y : y + HEIGHT, x : x + WIDTH] for p in pictures]) for x, y in CROPS]
    whole = np.vstack(rows)
    return whole.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="F.jpg")
    args = parser.parse_args()
    photo = np.ascontiguousarray(data.astronaut()[..., ::-1])  # type: ignore[no-untyped-call]  # no types there
    backdrop = cover(open_style("swirl").picture, *photo.shape[1::-1])
    with OnnxMasker(models.find("person-fine"), photo.shape[1::-1], provider="cpu", threads=1) as masker:
        alpha, refined = masker.mask(photo), CrfMasker(masker).mask(photo)
    pictures = [photo, pasted(photo, alpha, backdrop), *(ours(photo, a, backdrop) for a in (alpha, refined))]
    write_picture(args.output, sheet(pictures))


if __name__ == "__main__":
    main()
