"""Trains the network of the edge (edge_net.py) on what edge_data.py has gathered, and exports it.

    python scripts/train_edge.py runs/edge/*.npy --minutes 12 --out runs/edge
    python scripts/train_edge.py --export runs/edge/checkpoint.pt models/edge-alpha.onnx

The last HELD_OUT of a hundred pixels of each file, of scenes of their own but for the first, are not trained on.
Writes to --out: `log.csv` and `checkpoint.pt`. After an export scripts/update_manifest.py brings the checksum up to
date.
"""

import argparse
import csv
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from edge_net import EdgeNet, EdgeSolver, dot, features
from onnx_file import write
from torch import Tensor

from nbst_live.mask.edge import ROWS

STEADY, BOUND = 1.4, 0.95
"""Weight of the error's change since the frame before, and how much of the error's own weight that may be: more, and
what was wrong would be kept for the sake of steadiness."""
UNSEEN, CONTRAST = 0.5, 150.0
"""Weight of a pixel whose person and room have the same colour, and distance of the two that adds 1 to it."""
FORGETFUL, MISLED, ALIKE = 0.1, 0.05, 0.05
"""Shares of pixels that know nothing of the frame before, as in a still; whose alpha there was anything; and whose
person has the colours of the room, so that nothing but the mask can tell."""
GRAIN = 2.5
"""Of the camera, in grey levels, before which person and room look alike."""
HELD_OUT = 4
BATCH = 8192
LOG_EVERY = 2000


@dataclass(frozen=True)
class Batch:
    """Features (FEATURES, N); the true alpha, the error of the frame before, how much of that is kept, and each
    pixel's weight, all (N,).
    """

    seen: Tensor
    truth: Tensor
    error_before: Tensor
    keep: Tensor
    weight: Tensor

    @classmethod
    def of(cls, pixels: npt.NDArray[np.float16], chance: Tensor | None = None) -> "Batch":
        """Of pixels (N, CHANNELS); those whose `chance` (N,) in [0, 1] is up to FORGETFUL shall know nothing of the
        frame before, and those up to MISLED more something wrong: nothing of either's error there is worth keeping.
        Those up to ALIKE more shall see a person in the colours of the room.
        """
        planes = torch.from_numpy(np.ascontiguousarray(pixels.T)).float()
        *known, truth, before = planes.split((*ROWS.values(), 1, 1))
        rows = dict(zip(ROWS, known, strict=True))
        keep = rows["keep"][0]
        if chance is not None:
            forgetful, misled, alike = _shares(chance, FORGETFUL, MISLED, ALIKE)
            keep[forgetful] = 0
            rows["matte"][0, misled] = 255 * torch.rand(int(misled.sum()))
            keep = keep * ~misled
            # Without a contrast the guided filter gives back its alpha.
            rows["slope"][0, alike], rows["offset"][0, alike] = 0, rows["alpha"][0, alike]
            rows["near_person"][:, alike] = rows["behind"][:, alike]
            rows["next_person"][:, alike] = rows["next_room"][:, alike]
            for name in ("picture", "before"):
                rows[name][:, alike] = rows["behind"][:, alike] + GRAIN * torch.randn(3, int(alike.sum()))
        contrast = rows["near_person"] - rows["behind"]
        weight = UNSEEN + torch.sqrt(dot(contrast, contrast))[0] / CONTRAST
        return cls(features(rows), truth[0], rows["matte"][0] / 255 - before[0], keep, weight)


def _shares(chance: Tensor, *shares: float) -> list[Tensor]:
    """Which of a `chance` (N,) in [0, 1] fall into each of some shares, laid end to end from 0 on."""
    ends = np.cumsum((0.0, *shares))
    return [(chance >= begin) & (chance < end) for begin, end in itertools.pairwise(ends)]


class Pixels:
    """Those of several files, at random."""

    def __init__(self, paths: list[Path], seed: int) -> None:
        files = [np.load(path) for path in paths]
        ends = [len(pixels) * (100 - HELD_OUT) // 100 for pixels in files]
        self._trained = [pixels[:end] for pixels, end in zip(files, ends, strict=True)]
        self._share = np.array(ends) / sum(ends)
        self._held_out = [pixels[end:] for pixels, end in zip(files, ends, strict=True)]
        self._chance = np.random.default_rng(seed)

    def draw(self) -> Batch:
        parts = []
        for pixels, count in zip(self._trained, self._chance.multinomial(BATCH, self._share), strict=True):
            parts.append(pixels[np.sort(self._chance.integers(len(pixels), size=count))])
        return Batch.of(np.concatenate(parts), torch.rand(BATCH))

    def held_out(self) -> Iterator[Batch]:
        for pixels in self._held_out:
            for k in range(0, len(pixels), BATCH):
                yield Batch.of(pixels[k : k + BATCH])


def loss_of(alpha: Tensor, batch: Batch) -> Tensor:
    error = alpha - batch.truth
    steady = torch.minimum(STEADY * batch.keep, BOUND * batch.weight)
    return (batch.weight * error.abs() + steady * (error - batch.error_before).abs()).mean()


@torch.no_grad()
def errors(net: EdgeNet, batches: list[Batch]) -> list[float]:
    """Mean error of alpha, and the mean change of the error, as far as it is kept, since the frame before."""
    found = []
    for batch in batches:
        error = net(batch.seen) - batch.truth
        found.append([float(error.abs().mean()), float((batch.keep * (error - batch.error_before).abs()).mean())])
    return [float(v) for v in np.mean(found, axis=0)]


def train(args: argparse.Namespace) -> None:
    torch.manual_seed(args.seed)
    pixels, net = Pixels(args.pixels, args.seed), EdgeNet()
    if args.start is not None:
        net.load_state_dict(torch.load(args.start, weights_only=True))
    held_out = list(pixels.held_out())
    optimiser = torch.optim.Adam(net.parameters(), args.rate)
    args.out.mkdir(parents=True, exist_ok=True)
    began, step, total = time.monotonic(), 0, 0.0
    with (args.out / "log.csv").open("w", newline="", encoding="utf-8") as file:
        log = csv.writer(file)
        while (done := (time.monotonic() - began) / (60 * args.minutes)) < 1:
            for group in optimiser.param_groups:
                group["lr"] = args.rate * (0.5 + 0.5 * np.cos(np.pi * done))
            batch = pixels.draw()
            loss = loss_of(net(batch.seen), batch)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step, total = step + 1, total + loss.item()
            if step % LOG_EVERY == 0:
                found = errors(net, held_out)
                log.writerow([step, round(time.monotonic() - began), total / LOG_EVERY, *found])
                file.flush()
                print(step, [round(value, 4) for value in found], flush=True)
                total = 0.0
                torch.save(net.state_dict(), args.out / "checkpoint.pt")
    torch.save(net.state_dict(), args.out / "checkpoint.pt")
    print(f"{step} steps", errors(net, held_out))


def export(checkpoint: Path, path: Path, mix: tuple[Path, float] | None = None) -> None:
    """Writes the network with its features as ONNX, for any number of pixels; `mix` is another checkpoint and its share
    of the weights.
    """
    net, weights = EdgeNet(), torch.load(checkpoint, weights_only=True)
    if mix is not None:
        other = torch.load(mix[0], weights_only=True)
        weights = {name: value.lerp(other[name], mix[1]) for name, value in weights.items()}
    net.load_state_dict(weights)
    planes = tuple(torch.zeros(rows, 1024) for rows in ROWS.values())
    count = torch.export.Dim("count", min=2, max=1 << 24)
    write(EdgeSolver(net), planes, list(ROWS), "found", (tuple({1: count} for _ in ROWS),), path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("pixels", type=Path, nargs="*", metavar="F.npy", help="what edge_data.py has gathered")
    parser.add_argument("--minutes", type=float, default=12, metavar="N")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--start", type=Path, metavar="CHECKPOINT", help="go on from there")
    parser.add_argument("--rate", type=float, default=5e-3, metavar="N", help="of Adam, at first (default: 0.005)")
    parser.add_argument("--out", type=Path, metavar="DIR")
    parser.add_argument("--export", type=Path, nargs=2, metavar=("CHECKPOINT", "F.onnx"), help="write the ONNX file")
    parser.add_argument("--mix", nargs=2, metavar=("OTHER", "SHARE"), help="another checkpoint, and its share of those")
    args = parser.parse_args()
    if args.export:
        checkpoint, path = args.export
        export(checkpoint, path, None if args.mix is None else (Path(args.mix[0]), float(args.mix[1])))
    elif args.pixels and args.out:
        train(args)
    else:
        parser.error("give files of edge_data.py and --out, or --export")


if __name__ == "__main__":
    main()
