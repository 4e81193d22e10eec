"""Trains the difference key (key_net.py) on what key_data.py has drawn, and exports it.

    python scripts/train_key.py runs/key/fast.npy runs/key/fine.npy --minutes 36 --out runs/key
    python scripts/train_key.py --export runs/key/checkpoint.pt models/room-key.onnx

The last HELD_OUT of a hundred scenes are not trained on, but are of the same people: the figures that count are
eval_picture.py's. Writes to --out: `log.csv` and `checkpoint.pt`, the averaged weights. After an export
scripts/update_manifest.py brings the checksum up to date.
"""

import argparse
import csv
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from key_data import CROPS, PLANES, Crops
from key_net import DifferenceKey, KeyNet, features, squared
from onnx_file import write
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from nbst_live.mask.key import INPUTS, STRIDE

ELSEWHERE = 0.3
"""Weight of pixels that are near no edge and no error."""
HELD_OUT = 2
BATCH, RATE, WEIGHT_DECAY, WARM_UP, CLIP, AVERAGE = 32, 4e-3, 1e-4, 100, 1.0, 0.997
LOG_EVERY = 500


@dataclass(frozen=True)
class Batch:
    """Features (N, FEATURES, h, w), the true alpha and each pixel's weight (N, 1, h, w)."""

    seen: Tensor
    truth: Tensor
    weight: Tensor

    @classmethod
    def of(cls, crops: Crops) -> "Batch":
        """Of crops (N, h, w, CHANNELS)."""
        planes = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float()
        picture, alpha, plate, known, truth, near = planes.split(list(PLANES.values()), dim=1)
        difference = picture - plate
        seen = features(picture, alpha / 255, difference, squared(difference), known / 255)
        return cls(
            seen.contiguous(memory_format=torch.channels_last), truth / 255, ELSEWHERE + (1 - ELSEWHERE) * near / 255
        )


class Samples:
    """Crops of several files, drawn in proportion to their sizes, mirrored half the time."""

    def __init__(self, paths: list[Path], seed: int) -> None:
        self._files = [np.load(path, mmap_mode="r") for path in paths]
        self._ends = [len(crops) * (100 - HELD_OUT) // 100 for crops in self._files]
        self._share = np.array(self._ends) / sum(self._ends)
        self._chance = np.random.default_rng(seed)

    def draw(self) -> Batch:
        which = self._chance.choice(len(self._files), p=self._share)
        scenes = np.sort(self._chance.choice(self._ends[which], BATCH, replace=False))
        pieces = self._chance.integers(CROPS, size=BATCH)
        crops = np.stack([self._files[which][k, piece] for k, piece in zip(scenes, pieces, strict=True)])
        return Batch.of(crops[:, :, ::-1] if self._chance.random() < 0.5 else crops)

    def held_out(self) -> list[Batch]:
        left = [crops[end:] for crops, end in zip(self._files, self._ends, strict=True)]
        flat = [crops.reshape(-1, *crops.shape[2:]) for crops in left]
        return [Batch.of(crops[k : k + BATCH]) for crops in flat for k in range(0, len(crops), BATCH)]


def loss_of(logits: Tensor, batch: Batch) -> Tensor:
    """Error, likelihood and the error's steps from pixel to pixel, so that edges are as sharp as the true ones."""
    error = torch.sigmoid(logits) - batch.truth
    likelihood = functional.binary_cross_entropy_with_logits(logits, batch.truth, reduction="none")
    steps = error.diff(dim=3).abs().mean() + error.diff(dim=2).abs().mean()
    return (batch.weight * (error.abs() + 0.2 * likelihood)).sum() / batch.weight.sum() + 2 * steps


@torch.no_grad()
def errors(net: nn.Module, held_out: list[Batch]) -> dict[str, float]:
    """Mean error of alpha near an edge or an error and elsewhere, and that of the mask network there."""
    found = []
    for batch in held_out:
        near = batch.weight > (1 + ELSEWHERE) / 2
        alphas = torch.sigmoid(net(batch.seen)), batch.seen[:, :1]
        found.append([float((a - batch.truth).abs()[where].mean()) for a in alphas for where in (near, ~near)])
    names = "edge", "elsewhere", "edge before", "elsewhere before"
    return dict(zip(names, np.nanmean(found, axis=0).tolist(), strict=True))


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    samples = Samples(args.crops, args.seed)
    held_out = samples.held_out()
    net = KeyNet()
    average = AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=WEIGHT_DECAY)
    args.out.mkdir(parents=True, exist_ok=True)
    began, step, total = time.monotonic(), 0, 0.0
    with (args.out / "log.csv").open("w", newline="", encoding="utf-8") as file:
        log = csv.writer(file)
        while (done := (time.monotonic() - began) / (60 * args.minutes)) < 1:
            for group in optimiser.param_groups:
                group["lr"] = RATE * min(1, (step + 1) / WARM_UP) * (0.5 + 0.5 * np.cos(np.pi * done))
            batch = samples.draw()
            loss = loss_of(net(batch.seen), batch)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), CLIP)
            optimiser.step()
            average.update_parameters(net)
            step, total = step + 1, total + loss.item()
            if step % LOG_EVERY == 0:
                found = errors(average, held_out)
                log.writerow([step, round(time.monotonic() - began), total / LOG_EVERY, *found.values()])
                file.flush()
                print(step, {name: round(value, 4) for name, value in found.items()}, flush=True)
                total = 0.0
                torch.save(average.module.state_dict(), args.out / "checkpoint.pt")
    torch.save(average.module.state_dict(), args.out / "checkpoint.pt")
    print(f"{step} steps", errors(average, held_out))


def export(checkpoint: Path, path: Path) -> None:
    """Writes the network with its rules as ONNX; height and width are free multiples of STRIDE."""
    net = KeyNet()
    net.load_state_dict(torch.load(checkpoint, weights_only=True))
    height, width = 20 * STRIDE, 36 * STRIDE
    pictures = (torch.zeros(1, height, width, channels, dtype=torch.uint8) for channels in (3, 4))
    picture, room = pictures
    free = {1 + k: STRIDE * torch.export.Dim(name, min=2, max=256) for k, name in enumerate(("rows", "columns"))}
    examples = picture, torch.zeros(1, height, width), room, torch.ones(3), torch.ones(1)
    write(DifferenceKey(net), examples, INPUTS, "found", (free, free, free, None, None), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("crops", type=Path, nargs="*", metavar="F.npy", help="what key_data.py has drawn")
    parser.add_argument("--minutes", type=float, default=36, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--export", type=Path, nargs=2, metavar=("CHECKPOINT", "F.onnx"), help="write the ONNX file")
    args = parser.parse_args()
    if args.export:
        export(*args.export)
    elif args.crops and args.out:
        train(args)
    else:
        parser.error("give files of key_data.py and --out, or --export")


if __name__ == "__main__":
    main()
