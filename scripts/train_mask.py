"""Trains the mask network (mask_net.py) on photos and composites (mask_data.py).

    python scripts/train_mask.py --persons DIR --scenes DIR --rooms DIR --encoder deeplabv3_mnv2_513_quant.tflite \
        --out runs/mask --minutes 75

On a CPU one process per core trains on its own samples and the gradients are averaged (gloo): unlike one process with
several threads, that keeps its speed on a machine others use too.

bfloat16 is used where the processor or card computes with it, else float32: emulated, it is 15 times as slow.

Writes to --out: `checkpoint.pt` (resume with --resume), `log.csv`, `curves.png`, `examples.png`; with --start also
`start.pt`, the weights it began with, which export_mask.py can mix in.
"""

import argparse
import csv
import math
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np
import torch
import torch.distributed as dist
from mask_data import SHAPES, Batches
from mask_library import Image, Library, Size, read_library, read_rooms, read_split
from mask_net import MaskNet, load_encoder
from mask_start import start_from
from torch import Tensor, nn
from torch.multiprocessing.spawn import start_processes
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel
from torch.utils.data import DataLoader

from nbst_live.gatys.features import fastest_precision
from nbst_live.memory import keep_freed_memory

matplotlib.use("Agg")
import matplotlib.pyplot as plt

Tensors = tuple[Tensor, ...] | list[Tensor]

ENCODER_RATE, HEAD_RATE, WEIGHT_DECAY, WARM_UP, CLIP = 3e-4, 2e-3, 1e-3, 100, 2.0
TWIN_SHARE, STEADINESS = 0.25, 1.5  # pairs of frames by samples of a batch; the weight of the change between them
CALIBRATION = 8  # batches
CHECK_EVERY, SAVE_SECONDS = 400, 180.0
CHECK_ASPECTS = {"portrait": 0.8, "fashion": 0.6, "scene": 1.3, "room": 1.8}  # width / height


def normalised(images: Tensor) -> Tensor:
    """`(N, H, W, 3)` uint8 BGR to `(N, 3, H, W)` float32 RGB in [-1, 1], channels last in memory."""
    return images.flip(-1).permute(0, 3, 1, 2).float() / 127.5 - 1


def loss_of(logits: Tensor, target: Tensor, twins: int = 0) -> Tensor:
    """Cross-entropy, one minus soft IoU, and the mean error in a band of three pixels about the edge.

    Between the frames of each of the first `twins` pairs, also how much the error changes, in shares of the same band:
    a mask that errs alike from frame to frame does not flicker.
    """
    alpha = torch.sigmoid(logits)
    entropy = functional.binary_cross_entropy_with_logits(logits, target)
    both, either = (alpha * target).sum((1, 2, 3)), (alpha + target - alpha * target).sum((1, 2, 3))
    some = 0.002 * target[0].numel()  # keeps the ratio calm where there is next to nobody
    overlap = ((both + some) / (either + some)).mean()
    band = functional.max_pool2d(target, 7, 1, 3) + functional.max_pool2d(-target, 7, 1, 3)
    edge = ((alpha - target).abs() * band).sum() / (band.sum() + some)
    error = (alpha - target)[: 2 * twins]
    change = (error[0::2] - error[1::2]).abs().sum() / (band[: 2 * twins].sum() / 2 + some)
    return entropy + (1 - overlap) + edge + STEADINESS * change


@dataclass
class Check:
    """A fixed part of the `val` split, and rooms never trained on, to validate with."""

    pictures: dict[str, list[tuple[Image, Image]]]

    @classmethod
    def read(cls, persons: list[Path], scenes: Path, rooms: Path, shapes: list[Size]) -> "Check":
        people = [row for folder in persons for row in read_split(folder, "val")]
        found = {
            "portrait": [(p, a) for name, p, a in people if name.startswith("portrait")][::4],
            "fashion": [(p, a) for name, p, a in people if name.startswith("fashion")][::4],
            "scene": [(p, a) for _, p, a in read_split(scenes, "val") if (a > 127).any()],
            "room": [(room, np.zeros(room.shape[:2], np.uint8)) for room in read_rooms(rooms, held_out=True)[::4]],
        }
        nearest = {
            kind: min(shapes, key=lambda shape: abs(math.log(shape[1] / shape[0] / aspect)))
            for kind, aspect in CHECK_ASPECTS.items()
        }
        return cls({kind: [_resized(p, a, nearest[kind]) for p, a in rows] for kind, rows in found.items()})

    @torch.inference_mode()
    def scores(self, net: nn.Module, device: torch.device) -> dict[str, float]:
        """Mean IoU at threshold 0.5 for each kind; for rooms the share of pixels wrongly taken for a person."""
        found = {}
        for kind, rows in self.pictures.items():
            values = []
            for image, alpha in rows:
                inside, truth = predict(net, image, device) > 0.5, alpha > 127
                hit = inside.mean() if kind == "room" else (inside & truth).sum() / max((inside | truth).sum(), 1)
                values.append(float(hit))
            found[kind] = float(np.mean(values))
        return found

    def sheet(self, net: nn.Module, device: torch.device) -> Image:
        """Eight pictures of each kind, what is taken for background painted green."""
        rows = []
        for pictures in self.pictures.values():
            chosen = pictures[:: max(len(pictures) // 8, 1)][:8]
            cells = [_overlay(image, predict(net, image, device)) for image, _ in chosen]
            rows.append(np.hstack([cv2.resize(c, (round(c.shape[1] * 200 / c.shape[0]), 200)) for c in cells]))
        wide = max(row.shape[1] for row in rows)
        return np.vstack([cv2.copyMakeBorder(r, 0, 4, 0, wide - r.shape[1], cv2.BORDER_CONSTANT) for r in rows])


@torch.inference_mode()
def predict(net: nn.Module, image: Image, device: torch.device) -> np.ndarray:
    logits = net(normalised(torch.from_numpy(image)[None]).to(device))
    alpha: np.ndarray = torch.sigmoid(logits)[0, 0].float().cpu().numpy()
    return alpha


def _resized(photo: Image, alpha: Image, shape: tuple[int, int]) -> tuple[Image, Image]:
    size = shape[::-1]
    return cv2.resize(photo, size, interpolation=cv2.INTER_AREA), cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)


def _overlay(image: Image, alpha: np.ndarray) -> Image:
    a = alpha[..., None]
    return (image * (0.35 + 0.65 * a) + np.array([60, 160, 60]) * 0.65 * (1 - a)).astype(np.uint8)


class Trainer:
    """One process of the training; rank 0 also keeps the average, validates, logs and saves."""

    def __init__(self, args: argparse.Namespace, rank: int, library: Library, check: Check | None):
        torch.manual_seed(args.seed)
        self.args, self.rank, self.check = args, rank, check
        self.device, self.precision = torch.device(args.device), fastest_precision(args.device)
        self.net = MaskNet(args.kind).to(self.device)
        size = args.batch // args.workers
        self.twins = round(TWIN_SHARE * size / 2)
        if args.encoder:
            load_encoder(self.net.encoder, args.encoder)
        if args.start:
            calm = iter(Batches(library, SHAPES[args.kind], size, 0, args.seed))
            start_from(self.net, args.start, [normalised(next(calm)[0].to(self.device)) for _ in range(CALIBRATION)])
            if rank == 0:
                start = {f"module.{key}": value for key, value in self.net.state_dict().items()}
                torch.save({"average": start, "kind": args.kind}, args.out / "start.pt")
        self.net.train()
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing from its stub
        self.average = AveragedModel(self.net, multi_avg_fn=_average, use_buffers=True)
        head = [p for name, p in self.net.named_parameters() if not name.startswith("encoder.")]
        encoder = list(self.net.encoder.parameters())
        groups = [{"params": encoder, "top": ENCODER_RATE}, {"params": head, "top": HEAD_RATE}]
        self.optimiser = torch.optim.AdamW(groups, lr=HEAD_RATE, weight_decay=WEIGHT_DECAY)
        self.step, self.spent, self.saved = 0, 0.0, time.monotonic()
        if args.resume:
            self._load()
        alone = args.workers == 1
        self.parallel = self.net if alone else DistributedDataParallel(self.net, forward_sync_buffers=False)
        seed = args.seed + 7919 * self.step + rank
        batches = Batches(library, SHAPES[args.kind], size, self.twins, seed)
        self.batches = iter(DataLoader(batches, batch_size=None, num_workers=args.loaders))

    def run(self) -> None:
        began, losses, first = time.monotonic() - self.spent, [], self.step
        while (progress := self._progress(began)) < 1:
            losses.append(self._train_step(progress))
            self.spent = time.monotonic() - began
            if self.rank == 0 and (self.step % CHECK_EVERY == 0 or self.step == first + 50):
                self._report(losses)
                losses = []
            if self.rank == 0 and time.monotonic() - self.saved > SAVE_SECONDS:
                self._save()
        if self.rank == 0:
            if losses:
                self._report(losses)
            self._save()

    def _progress(self, began: float) -> float:
        """How much of the schedule has gone, by steps or by the clock; rank 0 decides for all."""
        by_clock = (time.monotonic() - began) / (60 * self.args.minutes) if self.args.minutes else 0.0
        by_steps = self.step / self.args.steps if self.args.steps else 0.0
        share = torch.tensor(max(by_clock, by_steps), device=self.device)
        dist.broadcast(share, 0)
        return float(share)

    def _train_step(self, progress: float) -> float:
        rate = self.args.rate * 0.5 * (1 + math.cos(math.pi * progress)) * min(1.0, (self.step + 1) / WARM_UP)
        for group in self.optimiser.param_groups:
            group["lr"] = group["top"] * max(rate, 0.002)
        images, alphas = next(self.batches)
        target = alphas.to(self.device)[:, None].float() / 255
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            logits = self.parallel(normalised(images.to(self.device)))
        loss = loss_of(logits.float(), target, self.twins)
        self.optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimiser.step()
        self.step += 1
        if self.rank == 0:
            self.average.update_parameters(self.net)
        return float(loss.detach())

    def _report(self, losses: list[float]) -> None:
        assert self.check is not None
        net = self.average.module.eval()
        row: dict[str, Any] = {"step": self.step, "minutes": round(self.spent / 60, 2)}
        row["loss"] = round(float(np.mean(losses)), 4)
        row |= {kind: round(value, 4) for kind, value in self.check.scores(net, self.device).items()}
        print(row, flush=True)
        log = self.args.out / "log.csv"
        new = not log.exists()
        with log.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if new:
                writer.writeheader()
            writer.writerow(row)
        cv2.imwrite(str(self.args.out / "examples.png"), self.check.sheet(net, self.device))
        _plot(log, self.args.out / "curves.png")

    def _save(self) -> None:
        state = {"net": self.net.state_dict(), "average": self.average.state_dict(), "step": self.step}
        state |= {"optimiser": self.optimiser.state_dict(), "spent": self.spent, "seed": self.args.seed}
        state["kind"] = self.args.kind
        part = self.args.out / "checkpoint.part"
        torch.save(state, part)
        part.replace(self.args.out / "checkpoint.pt")
        self.saved = time.monotonic()

    def _load(self) -> None:
        state = torch.load(self.args.out / "checkpoint.pt", map_location=self.device, weights_only=True)
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.spent = state["step"], state["spent"]


def _average(averages: Tensors, weights: Tensors, count: Tensor | int) -> None:
    if averages[0].is_floating_point():
        keep = min(0.998, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(averages, weights, 1 - keep)
    else:
        torch._foreach_copy_(averages, weights)


def _plot(log: Path, path: Path) -> None:
    with log.open(newline="") as file:
        rows = list(csv.DictReader(file))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    for axes, names in ((left, ["loss"]), (right, ["portrait", "fashion", "scene", "room"])):
        for name in names:
            axes.plot([float(r["minutes"]) for r in rows], [float(r[name]) for r in rows], label=name)
        axes.set_xlabel("minutes")
        axes.grid(alpha=0.3)
        axes.legend()
    right.set_ylabel("mean IoU; room: false area")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _work(rank: int, args: argparse.Namespace, library: Library, check: Check) -> None:
    torch.set_num_threads(1 if args.workers > 1 else max(os.cpu_count() or 1, 1))
    meeting = (args.out / "meeting").resolve()
    backend = "nccl" if args.device == "cuda" else "gloo"
    dist.init_process_group(backend, f"file://{meeting}", rank=rank, world_size=args.workers)
    Trainer(args, rank, library, check if rank == 0 else None).run()
    dist.destroy_process_group()


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--persons", type=Path, nargs="+", required=True, help="folders of images, masks, index.csv")
    parser.add_argument("--scenes", type=Path, required=True, help="a folder of images, masks, index.csv")
    parser.add_argument("--rooms", type=Path, required=True, help="a folder of pictures without anybody")
    parser.add_argument("--encoder", type=Path, help=".tflite or .npz to start the encoder from")
    parser.add_argument("--start", type=Path, help="checkpoint.pt or exported .onnx of another run, to go on from")
    parser.add_argument("--kind", choices=tuple(SHAPES), default="fast", help="the model: its input sizes and rates")
    parser.add_argument("--rate", type=float, default=1.0, help="share of the learning rates to go at")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=0, help="length of the schedule in steps")
    parser.add_argument("--minutes", type=float, default=0.0, help="length of the schedule by the clock")
    parser.add_argument("--batch", type=int, default=24, help="samples a step, all processes together")
    parser.add_argument("--workers", type=int, default=2, help="training processes; 1 with cuda")
    parser.add_argument("--loaders", type=int, default=0, help="processes making samples, for each worker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--resume", action="store_true", help="go on from checkpoint.pt in --out")
    args = parser.parse_args()
    if not (args.steps or args.minutes):
        parser.error("give --steps or --minutes")
    return args


def main() -> None:
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "meeting").unlink(missing_ok=True)
    keep_freed_memory()
    torch.backends.cudnn.benchmark = True
    cv2.setNumThreads(1)  # before there are threads, which a forked process would wait for in vain
    library = read_library(args.persons, args.scenes, args.rooms)
    check = Check.read(args.persons, args.scenes, args.rooms, list(SHAPES[args.kind]))
    # Forked, the processes share the pictures in memory.
    start_processes(_work, (args, library, check), nprocs=args.workers, start_method="fork")


if __name__ == "__main__":
    main()
