"""Train the compact style encoder (models/style-encoder.npz) to see as VGG19 does.

The student, `nbst_live.gatys.features.CompactEncoder`, starts from the compressed teacher's weights, and learns to see
with average pooling, replicate padding and VGG19's own shallow layers. A 1x1 linear head per layer carries its
activations to the teacher's width; the heads are thrown away afterwards, but for the metric they define (see `export`).

The teacher is VGG19, see style_teacher.py, whose two files are expected in `--teachers`.

    python scripts/distill_style.py --teachers DIR --images DIR DIR... --out models/style-encoder.npz --steps 4000
"""

import argparse
import csv
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import torch
from style_teacher import MEAN, WIDTHS, Teacher, after
from torch import Tensor, nn

from nbst_live.gatys import features
from nbst_live.gatys.features import CompactEncoder
from nbst_live.gatys.settings import CONTENT_LAYER, STYLE_LAYERS

CROP = 96
WINDOW = 24
FIT_CROPS = 64
GRAM_SHARE = 0.3
POOL, LIFE, STRIDE = 48, 40, 0.03
LAYERS = (*STYLE_LAYERS, CONTENT_LAYER)
SUFFIXES = {".jpg", ".jpeg", ".png"}

Colours = npt.NDArray[np.float32]

log = logging.getLogger("distill")


class Crops:
    """Random crops, each folder drawn equally often, a part of them disturbed.

    Disturbed, because a Gatys iterate lies between photographs, paintings and noise, and the student must be right
    there too.
    """

    def __init__(self, folders: Sequence[Path], seed: int) -> None:
        self.folders = [_training_pictures(folder) for folder in folders]
        self.random = np.random.default_rng(seed)

    def batch(self, size: int) -> Tensor:
        """(size, 3, CROP, CROP) float32, RGB, 0..1."""
        crops = np.stack([self._disturbed() for _ in range(size)])
        picture = torch.from_numpy(crops[..., ::-1].transpose(0, 3, 1, 2).copy())
        return picture.contiguous(memory_format=torch.channels_last)

    def _crop(self) -> Colours:
        paths = self.folders[self.random.integers(len(self.folders))]
        picture = cv2.imread(str(paths[self.random.integers(len(paths))]))
        height, width = picture.shape[:2]
        side = int(np.clip(CROP * 2 ** self.random.uniform(-0.7, 1.5), 32, min(height, width)))
        top, left = self.random.integers(height - side + 1), self.random.integers(width - side + 1)
        crop = picture[top : top + side, left : left + side]
        if self.random.random() < 0.5:
            crop = crop[:, ::-1]
        way = cv2.INTER_AREA if side > CROP else cv2.INTER_LINEAR
        return cv2.resize(np.ascontiguousarray(crop), (CROP, CROP), interpolation=way).astype(np.float32) / 255

    def _disturbed(self) -> Colours:
        crop, chance = self._crop(), self.random.random(3)
        if chance[0] < 0.3:
            crop = crop + self._noise(0.5) * (self._crop() - crop)
        if chance[1] < 0.3:
            mix = np.eye(3) + self.random.normal(0, 0.3, (3, 3))
            crop = ((crop - 0.5) @ mix + 0.5 + self.random.normal(0, 0.1, 3)).astype(np.float32)
        if chance[2] < 0.4:
            crop = crop + self._noise(self.random.uniform(0, 0.3)) - 0.5
        return np.clip(crop, 0, 1).astype(np.float32)

    def _noise(self, contrast: float) -> Colours:
        """Noise about 0.5 of a random coarseness, from single pixels to blots."""
        coarse = int(2 ** self.random.integers(0, 5))
        noise = self.random.normal(0, contrast, (CROP // coarse, CROP // coarse, 3)).astype(np.float32)
        return np.clip(cv2.resize(noise, (CROP, CROP), interpolation=cv2.INTER_CUBIC) + 0.5, 0, 1)


def _training_pictures(folder: Path) -> list[Path]:
    """The pictures of `folder`, less those that an index.csv in it or beside it keeps for validation."""
    held_back: set[str] = set()
    for index in (folder / "index.csv", folder.parent / "index.csv"):
        if index.exists():
            with index.open(newline="") as rows:
                held_back |= {row["name"] for row in csv.DictReader(rows) if row["split"] == "val"}
    paths = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.stem not in held_back)
    if not paths:
        raise SystemExit(f"no pictures in {folder}; expected .jpg or .png files")
    return paths


class Trainee(nn.Module):
    """The student with its heads. Without bias, so that a head is a plain linear map and defines a metric.

    It starts from the compressed teacher's own convolutions, which see much as VGG19 does already: from random weights
    the deep layers, which know the large strokes, came nowhere near within an hour on two cores (see the card).
    """

    def __init__(self, teacher: Teacher, pictures: Tensor) -> None:
        super().__init__()
        self.encoder = CompactEncoder()
        for name, convolution in self.encoder.named().items():
            weight, bias = teacher.small[f"conv{name.replace('_', '')}"]
            if name == "1_1":  # the student's pictures are normalised otherwise
                weight, bias = after(features.STD * torch.eye(3), features.MEAN - MEAN, (weight, bias))
            convolution.weight.data, convolution.get_parameter("bias").data = weight.clone(), bias.clone()
        widths = {f"relu{name}": layer.out_channels for name, layer in self.encoder.named().items()}
        self.heads = nn.ModuleDict({n: nn.Conv2d(widths[n], WIDTHS[n], 1, bias=False) for n in LAYERS})
        self._fit_heads(teacher(pictures), pictures)

    @torch.no_grad()
    def _fit_heads(self, wanted: dict[str, Tensor], pictures: Tensor) -> None:
        """The linear maps that least squares finds on some pictures."""
        for name, found in self.encoder.extract(pictures, LAYERS).items():
            inputs, outputs = (x.transpose(0, 1).flatten(1).T for x in (found, wanted[name]))
            solution = torch.linalg.lstsq(inputs, outputs, driver="gelsd").solution
            self.heads[name].get_parameter("weight").data = solution.T[:, :, None, None].contiguous()

    def forward(self, picture: Tensor) -> dict[str, Tensor]:
        found = self.encoder.extract(picture, LAYERS)
        return {name: self.heads[name](_window(found[name])) for name in LAYERS}


def _window(x: Tensor) -> Tensor:
    """A corner of the largest layers: neighbours there are much alike, and all of them would cost as much as the
    student.
    """
    return x[..., :WINDOW, :WINDOW]


def _gram(x: Tensor) -> Tensor:
    flat = x.flatten(2)
    return flat @ flat.transpose(1, 2) / flat.shape[2]


def disagreement(found: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, tuple[Tensor, Tensor]]:
    """For each layer, how far the activations and their Gram matrices are from the teacher's, as shares of its
    power.
    """
    shares = {}
    for name in LAYERS:
        target = _window(wanted[name])
        feature = (found[name] - target).square().mean() / target.square().mean()
        gram, goal = _gram(found[name]), _gram(target)
        shares[name] = feature, ((gram - goal).square().sum((1, 2)) / goal.square().sum((1, 2))).mean()
    return shares


class Iterates:
    """Crops on their way to another crop's style, as the student sees style: a pool, some of which move on at each
    call.

    Descending a network's own loss leads to pictures that fool this network; the student must be put right on just
    these.
    """

    def __init__(self, trainee: Trainee, crops: Crops, seed: int) -> None:
        self.trainee, self.crops, self.random = trainee, crops, np.random.default_rng(seed)
        self.pictures = crops.batch(POOL)
        self.goals = [self._goal() for _ in range(POOL)]
        self.ages = self.random.integers(0, LIFE, POOL)

    def batch(self, size: int) -> Tensor:
        """(size, 3, CROP, CROP) float32, RGB, 0..1."""
        chosen = self.random.choice(POOL, size, replace=False)
        for old in chosen[self.ages[chosen] >= LIFE]:
            self.pictures[old], self.goals[old], self.ages[old] = self.crops.batch(1)[0], self._goal(), 0
        self.ages[chosen] += 1
        picture = self.pictures[chosen].requires_grad_()
        loss = torch.zeros(())
        for name, found in self.trainee(picture).items():
            goal = torch.cat([self.goals[index][name] for index in chosen])
            loss = loss + ((_gram(found) - goal).square().sum((1, 2)) / goal.square().sum((1, 2))).sum()
        (slope,) = torch.autograd.grad(loss, picture)
        # Adam moves every pixel by about its rate, whatever the slope; so does the slope's sign.
        moved = (picture.detach() - STRIDE * float(self.random.random()) * slope.sign()).clamp(0, 1)
        self.pictures[chosen] = moved
        return moved

    @torch.no_grad()
    def _goal(self) -> dict[str, Tensor]:
        return {name: _gram(found) for name, found in self.trainee(self.crops.batch(1)).items()}


def rate(step: int, done: float, peak: float) -> float:
    """Linear warm-up over 100 steps, and half a cosine down to nothing as the share of work done nears 1."""
    return peak * min(1.0, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def export(trainee: Trainee, path: Path) -> None:
    """Write the encoder and, per layer, the metric of its head, as float16.

    A head W maps the student's activations s to the teacher's W s. With W = Q R, Q's columns orthonormal, distances
    between activations W s, and between Gram matrices W (s s^T) W^T, equal those between R s and R (s s^T) R^T: so
    the small square R is all of the head that a loss needs. R is scaled to unit mean diagonal; the losses do not
    depend on its scale.
    """
    arrays: dict[str, Tensor] = {}
    for name, convolution in trainee.encoder.named().items():
        for part in ("weight", "bias"):
            arrays[f"conv{name}/{part}"] = convolution.get_parameter(part)
    for name, head in trainee.heads.items():
        metric = torch.linalg.qr(head.get_parameter("weight")[:, :, 0, 0])[1]
        arrays[f"{name}/metric"] = metric / metric.diagonal().abs().mean()
    halves = {key: value.detach().numpy().astype(np.float16) for key, value in arrays.items()}
    np.savez_compressed(path, **halves)  # type: ignore[arg-type]  # numpy's stubs take a key for `allow_pickle`


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    crops = Crops(args.images, args.seed)
    teacher = Teacher(args.teachers)
    trainee = Trainee(teacher, crops.batch(FIT_CROPS))
    optimiser = torch.optim.Adam(trainee.parameters(), betas=(0.9, 0.99))
    recent: list[Tensor] = []
    checkpoint, start, begun = args.out.with_suffix(".pt"), 0, time.monotonic()
    if args.resume:
        saved = torch.load(checkpoint, weights_only=True)
        trainee.load_state_dict(saved["trainee"])
        start = saved["step"]
    iterates = Iterates(trainee, crops, args.seed + start)
    for step in range(start, args.steps):
        spent = 0.0 if args.minutes is None else (time.monotonic() - begun) / (60 * args.minutes)
        done = max(spent, step / args.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate(step, done, args.rate)
        picture = torch.cat([crops.batch(args.batch - args.iterates), iterates.batch(args.iterates)])
        shares = disagreement(trainee(picture), teacher(picture))
        loss = torch.stack([feature + GRAM_SHARE * gram for feature, gram in shares.values()]).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trainee.parameters(), 1.0)
        optimiser.step()
        recent.append(torch.tensor([[f.item(), g.item()] for f, g in shares.values()]))
        if step % 50 == 49:
            means = torch.stack(recent).mean(0)
            row = "  ".join(f"{name[4:]} {f:.3f}/{g:.3f}" for name, (f, g) in zip(LAYERS, means.tolist(), strict=True))
            log.info("step %d  %.0f s  feature/gram disagreement: %s", step + 1, time.monotonic() - begun, row)
            recent.clear()
        if (step + 1) % 250 == 0 or step + 1 == args.steps or spent >= 1:
            state = {"trainee": trainee.state_dict(), "step": step + 1}
            torch.save(state, checkpoint)
            export(trainee, args.out)
        if spent >= 1:
            break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teachers", type=Path, required=True, help="folder with the two teacher files")
    parser.add_argument(
        "--images", type=Path, nargs="+", required=True, help="folders of pictures, each drawn equally often"
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="the .npz to write; the checkpoint lies beside it as .pt"
    )
    parser.add_argument("--steps", type=int, default=4000, help="steps in all")
    parser.add_argument("--minutes", type=float, help="end after so long, if that is before --steps")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--iterates", type=int, default=3, help="how many of a batch are pictures the student itself painted"
    )
    parser.add_argument("--rate", type=float, default=3e-4, help="Adam's highest rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint beside --out")
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(args.threads)
    train(args)


if __name__ == "__main__":
    main()
