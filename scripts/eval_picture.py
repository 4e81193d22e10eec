"""Measures the join of person and backdrop against the truth, beside what the common tools do.

    python scripts/eval_picture.py --persons DIR --rooms DIR --peer mediapipe_selfie_256.onnx [--json F] [--sheet F.png]

People of known alpha move before known rooms (picture_clips.py). `naive` cuts our mask at 0.5 and pastes;
`mediapipe_blur` averages MediaPipe's alpha over time, enlarges and blurs it; `ours` is the product's own live way. All
stand before the same picture of paint, so that no solver runs. With --true-mask there is a row `true_mask`: `ours`, but
with the true alpha, shrunk to the network's size, in place of the network's: what a better mask could give. With
--latency-low there is a row `latency_low`: `ours`, with the last frame's alpha moved. The columns, means over the
clips:

- edge_alpha_mae: mean error of alpha within REACH pixels of where the true alpha is neither 0 nor 1;
- edge_colour_error: there, CIEDE2000 between the picture and the person's true colours over the backdrop;
- flicker: there, while the person stands still or sways, mean change of alpha's error from frame to frame, followed
  along with the person;
- lag_px: how far alpha trails behind, at SPEED pixels a frame;
- plate_ghost: how much of the person is left in the plate, as a share of their contrast with the room. The common tools
  keep no plate; theirs is what their own mask calls room, averaged.
"""

import argparse
import json
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from picture_clips import FPS, SIZE, SPEED, Image, Plane, Shot, read_clips
from skimage.color import deltaE_ciede2000, rgb2lab

from nbst_live import models
from nbst_live.app import open_live_masker
from nbst_live.backdrop.plate import Plate
from nbst_live.backdrop.room import EAGER_FRAMES, PLATE_SECONDS
from nbst_live.closing import Closable
from nbst_live.mask.edge import EdgeSolver
from nbst_live.mask.key import DifferenceKey
from nbst_live.mask.masker import OnnxMasker
from nbst_live.mask.matte import MatteRefiner
from nbst_live.mask.opinion import SecondOpinion
from nbst_live.pictures import cover, open_style
from nbst_live.pipeline import Pipeline
from nbst_live.settings import Settings
from nbst_live.stages import Alpha, Frame, Masker, Matte, Picture, Room

REACH = 4
WARM_UP = 4
"""First frames of a clip that are not judged."""
SHIFTS = range(-8, 29)
BLUR = 7
AVERAGE = 0.5
"""Width in pixels of the common tools' blur at this size, and their weight of the new mask."""
SHEET_FRAMES = (10, 18, 34, 62)


class Painted(Closable):
    """A backdrop that is painted already, and gathers the plate as a live one does."""

    def __init__(self, picture: Picture) -> None:
        self.plate = Plate(*SIZE)
        self._picture = picture

    def observe(self, frame: Frame, alpha: Alpha | None, corrected: Alpha | None = None) -> None:
        due = frame.index < EAGER_FRAMES or frame.index % round(PLATE_SECONDS * FPS) == 0
        if due and alpha is not None and corrected is not None:
            self.plate.learn(frame.picture, alpha, corrected)

    def latest(self) -> Picture:
        return self._picture

    def room(self) -> Room:
        return self.plate.room()

    def heed(self, load: float) -> None:
        """Paints nothing."""

    def close(self) -> None:
        """Nothing to close."""


class TrueMask(Closable):
    """Says of each frame of a clip, in their order, what is true."""

    provider = "none"

    def __init__(self, shots: list[Shot], size: tuple[int, int]) -> None:
        self.size, self._alphas = size, (shot.alpha for shot in shots)

    def mask(self, picture: Picture) -> Alpha:
        assert picture.shape[1::-1] == self.size
        return np.asarray(cv2.resize(next(self._alphas), self.size, interpolation=cv2.INTER_AREA), np.float32)

    def close(self) -> None:
        """Nothing to close."""


class Ours:
    """The product's own stages in their own order."""

    def __init__(
        self, masker: Masker, edge: EdgeSolver, backdrop: Picture, opinion: SecondOpinion | None = None
    ) -> None:
        self._backdrop, key = Painted(backdrop), DifferenceKey(models.find("room-key"))
        self._way = Pipeline(masker, MatteRefiner(edge), self._backdrop, SIZE, key=key, opinion=opinion)
        self._index = 0

    def step(self, picture: Image) -> tuple[Image, Plane]:
        result = self._way.process(Frame(picture, self._index, self._index / FPS, 0.0))
        self._index += 1
        matte = self._way.matte
        assert matte is not None
        return result, np.asarray(matte / np.float32(255), np.float32)

    def room(self) -> Room:
        return self._backdrop.room()

    def plate(self) -> tuple[Picture, Matte]:
        return self._backdrop.plate.picture(), self._backdrop.plate.known


class Common:
    """A mask, perhaps averaged over time and blurred, perhaps cut at 0.5, and pasted."""

    def __init__(self, masker: OnnxMasker, backdrop: Picture, *, cut: bool) -> None:
        self._masker, self._backdrop, self._cut = masker, backdrop.astype(np.float32), cut
        self._average: Plane | None = None
        self._room = np.zeros((SIZE[1], SIZE[0], 3), np.float32)
        self._seen = np.zeros((SIZE[1], SIZE[0]), np.float32)

    def step(self, picture: Image) -> tuple[Image, Plane]:
        alpha = self._alpha(self._masker.mask(picture))
        self._seen += 1 - alpha
        share = ((1 - alpha) / np.maximum(self._seen, 1e-6))[..., None]
        self._room += share * (picture - self._room)
        weight = alpha[..., None]
        return np.rint(weight * picture + (1 - weight) * self._backdrop).astype(np.uint8), alpha

    def plate(self) -> tuple[Picture, Matte]:
        return self._room.astype(np.uint8), np.where(self._seen >= 0.5, np.uint8(255), np.uint8(0))

    def _alpha(self, found: Alpha) -> Plane:
        if self._cut:
            return np.where(cv2.resize(found, SIZE) >= 0.5, np.float32(1), np.float32(0))
        self._average = found.copy() if self._average is None else self._average + AVERAGE * (found - self._average)
        return np.asarray(cv2.blur(cv2.resize(self._average, SIZE), (BLUR, BLUR)), np.float32)


Method = Ours | Common


@dataclass
class Figures:
    """One method's row; the meaning of each is in the module's docstring."""

    edge_alpha_mae: float
    edge_colour_error: float
    flicker: float
    lag_px: float
    plate_ghost: float


def judge(shots: list[Shot], room: Image, method: Method, backdrop: Image, sheet: list[Image]) -> Figures:
    """One method's figures on one clip; adds the pictures of SHEET_FRAMES to `sheet`."""
    alphas, colours, flickers, lags = [], [], [], []
    contrast, seen = np.zeros((SIZE[1], SIZE[0], 3), np.float32), np.zeros((SIZE[1], SIZE[0]), np.float32)
    last: tuple[Plane, Plane, int] | None = None
    for index, shot in enumerate(shots):
        picture, alpha = method.step(shot.picture)
        contrast += shot.person - shot.alpha[..., None] * room
        seen += shot.alpha
        if index in SHEET_FRAMES:
            sheet.append(picture.copy())
        if index < WARM_UP:
            continue
        band, error = edge(shot.alpha), alpha - shot.alpha
        ride = _beside(error, shot), _beside(band.astype(np.float32), shot), shot.speed
        alphas.append(float(np.abs(error[band]).mean()))
        colours.append(colour_error(picture, shot, band, backdrop))
        if shot.speed:
            trailing = lag(alpha, shot.alpha) if shot.speed > 0 else lag(alpha[:, ::-1], shot.alpha[:, ::-1])
            lags.append(trailing)
        elif last is not None and not last[2]:
            either = (ride[1] > 0) | (last[1] > 0)
            flickers.append(float(np.abs(ride[0] - last[0])[either].mean()))
        last = ride
    mean_contrast = np.asarray(contrast / np.maximum(seen, 1)[..., None], np.float32)
    ghost_left = ghost(*method.plate(), room, mean_contrast, seen > 1)
    alpha_mae, colour, flicker, trail = (float(np.mean(values)) for values in (alphas, colours, flickers, lags))
    return Figures(alpha_mae, colour, flicker, trail, ghost_left)


def _beside(plane: Plane, shot: Shot) -> Plane:
    """What moves along with the person, standing still."""
    back = np.array([[1, 0, -shot.place[0]], [0, 1, -shot.place[1]]], np.float32)
    return np.asarray(cv2.warpAffine(plane, back, SIZE), np.float32)


def edge(alpha: Plane) -> npt.NDArray[np.bool_]:
    """Within REACH of where alpha is neither 0 nor 1."""
    mixed = ((alpha > 0.02) & (alpha < 0.98)).astype(np.uint8)
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * REACH + 1, 2 * REACH + 1))
    return np.asarray(cv2.dilate(mixed, disc) > 0)


def colour_error(picture: Image, shot: Shot, band: npt.NDArray[np.bool_], backdrop: Image) -> float:
    """Mean CIEDE2000 in the band between a picture and the true one."""
    truth = np.clip(shot.person + (1 - shot.alpha[..., None]) * backdrop, 0, 255)
    lab = [rgb2lab(p[band][:, ::-1] / np.float32(255)) for p in (picture, truth)]
    return float(np.mean(deltaE_ciede2000(*lab)))  # type: ignore[no-untyped-call]  # scikit-image has no types


def lag(alpha: Plane, truth: Plane) -> float:
    """By how many pixels to the right alpha must be moved to fit the truth best; below zero where it runs ahead."""
    pad = max(abs(SHIFTS[0]), SHIFTS[-1])
    inner = truth[::2, pad:-pad]
    width = inner.shape[1]
    misfit = [float(np.abs(alpha[::2, pad - s : pad - s + width] - inner).mean()) for s in SHIFTS]
    k = int(np.argmin(misfit))
    if not 0 < k < len(misfit) - 1:
        return float(SHIFTS[k])
    before, best, after = misfit[k - 1 : k + 2]
    # The misfit is V-shaped round its least value, whose place the two arms give.
    return SHIFTS[k] + (before - after) / (2 * (max(before, after) - best) + 1e-9)


def ghost(plate: Image, known: Matte, room: Image, contrast: Plane, seen: npt.NDArray[np.bool_]) -> float:
    """How much of the person's contrast is in the plate, where the person was and the plate is known: the plate's
    error projected on the contrast.
    """
    where = seen & (known == 255)
    towards = contrast[where]
    error = plate[where].astype(np.float32) - room[where]
    return abs(float((error * towards).sum() / max(float((towards * towards).sum()), 1e-6)))


def table(rows: dict[str, Figures]) -> str:
    names = [field.name for field in fields(Figures)]
    lines = [f"{'':16}" + "".join(f"{name:>19}" for name in names)]
    lines += [f"{n:16}" + "".join(f"{value:19.4f}" for value in asdict(row).values()) for n, row in rows.items()]
    return "\n".join(lines)


def mean(found: list[Figures]) -> Figures:
    return Figures(*(float(np.mean([getattr(f, field.name) for f in found])) for field in fields(Figures)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=Path, required=True, help="a folder of images, masks, index.csv")
    parser.add_argument("--rooms", type=Path, required=True, help="a folder of pictures without anybody")
    parser.add_argument("--peer", type=Path, required=True, help="MediaPipe's selfie segmentation as ONNX, NHWC")
    parser.add_argument("--json", type=Path, metavar="F", help="write the figures to this file too")
    parser.add_argument("--mask-model", default="person-fast", metavar="NAME", help="our mask (default: person-fast)")
    parser.add_argument("--sheet", type=Path, metavar="F.png", help="write each method's pictures side by side")
    parser.add_argument("--true-mask", action="store_true", help="add a row: ours, with the true alpha as mask")
    parser.add_argument("--latency-low", action="store_true", help="add a row: ours, as with --latency low")
    parser.add_argument(
        "--other", action="store_true", help="other rooms and drawn figures: no choice was ever made looking at these"
    )
    parser.add_argument("--each", action="store_true", help="print every clip's figures too")
    return parser.parse_args()


def main() -> None:
    args = arguments()
    cv2.setNumThreads(2)
    clips = read_clips(args.persons, args.rooms, other=args.other)
    backdrop = cover(open_style("swirl").picture, *SIZE)
    settings = Settings(mask_model=args.mask_model, provider="cpu")
    alone = OnnxMasker(models.find(args.mask_model), SIZE)
    edge_solver = EdgeSolver(models.find("edge-alpha"))
    peer = OnnxMasker(models.custom(args.peer), SIZE)
    opened = ExitStack()

    def live(given: Settings) -> Ours:
        opinion = opened.enter_context(SecondOpinion())
        return Ours(opened.enter_context(open_live_masker(given, SIZE, opinion)), edge_solver, backdrop, opinion)

    methods: dict[str, Callable[[list[Shot]], Method]] = {
        "naive": lambda _: Common(alone, backdrop, cut=True),
        "mediapipe_blur": lambda _: Common(peer, backdrop, cut=False),
        "ours": lambda _: live(settings),
    }
    if args.true_mask:
        methods["true_mask"] = lambda shots: Ours(TrueMask(shots, alone.size), edge_solver, backdrop)
    if args.latency_low:
        late = replace(settings, latency="low")
        methods["latency_low"] = lambda _: live(late)
    found: dict[str, list[Figures]] = {name: [] for name in methods}
    sheet: list[Image] = []
    for clip in clips:
        shots = list(clip.shots())
        for name, make in methods.items():
            with opened:
                found[name].append(judge(shots, clip.room, make(shots), backdrop, sheet))
        if args.each:
            print(f"{clip.name}\n{table({name: rows[-1] for name, rows in found.items()})}")
    rows = {name: mean(each) for name, each in found.items()}
    print(f"{len(clips)} clips of {SIZE[0]}x{SIZE[1]}, {SPEED} pixels a frame in the fast part")
    print(table(rows))
    if args.json is not None:
        args.json.write_text(json.dumps({n: asdict(r) for n, r in rows.items()}, indent=2) + "\n", encoding="utf-8")
    if args.sheet is not None:
        wide = len(SHEET_FRAMES) * len(methods)
        cv2.imwrite(str(args.sheet), np.vstack([np.hstack(sheet[k : k + wide]) for k in range(0, len(sheet), wide)]))


if __name__ == "__main__":
    main()
