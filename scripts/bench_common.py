"""Frames a second of the chain that common background tools use, on this machine, beside ours.

    python scripts/bench_common.py --peer mediapipe_selfie_256.onnx [--size 1280x720] [--json F]

The common chain: MediaPipe's mask, dilated, averaged over time, enlarged, blurred and blended with a picture that never
changes, in one loop; pictures are decoded from MJPG and turned into I420 as ours are. `common` is the best that we can
make of it: it decodes a frame ahead, and blends by OpenCV. `plain` is as such chains are often written: one step after
the other, and blended by NumPy's arithmetic. Both run before and after `nbst-live bench`, whose solver is idle when
ours is counted, and the faster of the two runs counts.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from nbst_live import models
from nbst_live.capture.jpegs import JpegSource
from nbst_live.capture.synthetic import SyntheticClip
from nbst_live.commands.bench import CLIP_FRAMES, JPEG_QUALITY
from nbst_live.mask.masker import OnnxMasker
from nbst_live.pictures import cover, open_style
from nbst_live.sinks.i420 import planes_for, to_i420
from nbst_live.stages import Alpha, Picture

WARM_UP, FRAMES = 30, 400
DILATION = np.ones((3, 3), np.uint8)
AVERAGE = 0.5
"""Weight of the new mask in the running average."""
BLUR_SHARE = 1 / 100
"""Width of the blur as a share of the picture's."""


class CommonChain:
    """MediaPipe's mask, dilated, averaged over time, enlarged and blurred; person and backdrop blended by it, by NumPy
    if `plain`.
    """

    def __init__(self, peer: Path, backdrop: Picture, *, plain: bool) -> None:
        height, width = backdrop.shape[:2]
        self._masker, self._backdrop, self._size = (
            OnnxMasker(models.custom(peer), (width, height)),
            backdrop,
            (width, height),
        )
        self._blur = (round(width * BLUR_SHARE) | 1,) * 2
        self._plain = plain
        self._average: Alpha | None = None

    def step(self, picture: Picture) -> Picture:
        found = cv2.dilate(self._masker.mask(picture), DILATION)
        if self._average is None:
            self._average = np.asarray(found, np.float32).copy()
        cv2.accumulateWeighted(found, self._average, AVERAGE)
        alpha = cv2.blur(cv2.resize(self._average, self._size, interpolation=cv2.INTER_LINEAR), self._blur)
        if self._plain:
            weight = alpha[..., None]
            return np.asarray(picture * weight + self._backdrop * (1 - weight), np.uint8)
        return np.asarray(cv2.blendLinear(picture, self._backdrop, alpha, 1 - alpha), np.uint8)


def common_rate(peer: Path, width: int, height: int, *, plain: bool) -> float:
    """Frames a second of the common chain, as fast as it goes."""
    scene, quality = SyntheticClip(width, height, CLIP_FRAMES), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    jpegs = [cv2.imencode(".jpg", scene.frame(index), quality)[1].tobytes() for index in range(CLIP_FRAMES)]
    chain = CommonChain(peer, cover(open_style("swirl").picture, width, height), plain=plain)
    planes = planes_for(width, height)
    with ThreadPoolExecutor(1) as ahead, JpegSource(jpegs, 30.0) as source:
        coming = None if plain else ahead.submit(source.read)
        for index in range(WARM_UP + FRAMES):
            if index == WARM_UP:
                began = time.monotonic()
            if coming is None:
                frame = source.read()
            else:
                frame, coming = coming.result(), ahead.submit(source.read)
            to_i420(chain.step(frame.picture), planes)
        if coming is not None:
            coming.result()
    return FRAMES / (time.monotonic() - began)


def our_rate(size: str) -> float:
    """Frames a second of `nbst-live bench` with the solver idle."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.json"
        command = [sys.executable, "-m", "nbst_live", "bench", "--size", size, "--json", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return float(json.loads(path.read_text(encoding="utf-8"))["idle"]["fps"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peer", type=Path, required=True, help="MediaPipe's selfie segmentation as ONNX, NHWC")
    parser.add_argument("--size", default="1280x720", metavar="WxH")
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures to this file too")
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    before = [common_rate(args.peer, width, height, plain=plain) for plain in (False, True)]
    ours = our_rate(args.size)
    after = [common_rate(args.peer, width, height, plain=plain) for plain in (False, True)]
    common, plain = map(max, before, after)
    figures = {
        "size": [width, height],
        "common_fps": round(common, 1),
        "plain_fps": round(plain, 1),
        "ours_fps": ours,
        "ratio": round(ours / common, 3),
        "ratio_plain": round(ours / plain, 3),
    }
    print(json.dumps(figures, indent=2))
    if args.json is not None:
        args.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
