"""The pictures that eval_mask.py measures with: none of them was trained on, all are the same every time."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from mask_data import Painter
from mask_library import Figure, Image, Layers, Library, read_figure, read_rooms, read_split

COMPOSITES, FRAME, NOISE = 200, (360, 640), 4.0
WALKS, WALK_FRAMES = 12, 20


@dataclass(frozen=True)
class Case:
    """A picture `(H, W, 3)` uint8 BGR and its true alpha `(H, W)` uint8, 255 = person."""

    name: str
    photo: Image
    truth: Image


@dataclass(frozen=True)
class Material:
    """`stills` by set: portrait, fashion, scenes, webcam, rooms; `walks`: frames of people who move slowly."""

    stills: dict[str, list[Case]]
    walks: list[list[Case]]


def read_material(persons: list[Path], scenes: Path, rooms: Path) -> Material:
    """The `val` photos, held-out rooms, and what is composited from the two. Raises ValueError where a set is empty."""
    people = [Case(*row) for folder in persons for row in read_split(folder, "val")]
    portraits = [case for case in people if case.name.startswith("portrait")]
    empty = read_rooms(rooms, held_out=True)
    stills = {
        "portrait": portraits,
        "fashion": [case for case in people if case.name.startswith("fashion")],
        "scenes": [case for case in (Case(*row) for row in read_split(scenes, "val")) if (case.truth > 127).any()],
        "webcam": [],
        "rooms": [Case(f"room {k}", room, np.zeros(room.shape[:2], np.uint8)) for k, room in enumerate(empty)],
    }
    missing = [name for name, cases in stills.items() if not cases and name != "webcam"]
    if missing:
        raise ValueError(f"no pictures for {', '.join(missing)} in the folders given, expected those of DATA.md")
    figures = [read_figure(case.photo, case.truth) for case in portraits]
    stills["webcam"] = _composites(figures, empty)
    return Material(stills, _walks(figures, empty))


def _noisy(image: Image, noise: np.random.Generator) -> Image:
    return cv2.add(image, noise.normal(0, NOISE, image.shape), dtype=cv2.CV_8U)


def _composites(figures: list[Figure], rooms: list[Image]) -> list[Case]:
    """People before rooms in 16:9 as a webcam sees them, with its noise."""
    painter = Painter(Library(figures, [], [Layers.of(room) for room in rooms], []), seed=0)
    noise = np.random.default_rng(0)
    cases: list[Case] = []
    while len(cases) < COMPOSITES:
        image, truth = painter.webcam(FRAME)
        if (truth > 127).mean() > 0.02:
            cases.append(Case(f"webcam {len(cases)}", _noisy(image, noise), truth))
    return cases


def _walks(figures: list[Figure], rooms: list[Image]) -> list[list[Case]]:
    """People at the frame's lower edge who move about a pixel a frame, sideways and down, before rooms that stand."""
    chance, noise = np.random.default_rng(1), np.random.default_rng(2)
    whole = [figure for figure in figures if not any(figure.touches[:2])]
    if not whole:
        raise ValueError("every portrait is cut off at its sides, expected some that are not, to move them")
    people, places = chance.permutation(len(whole)), chance.permutation(len(rooms))
    pairs = [(whole[people[k % len(whole)]], rooms[places[k % len(rooms)]]) for k in range(WALKS)]
    return [_walk(figure, room, chance, noise) for figure, room in pairs]


def _walk(figure: Figure, room: Image, chance: np.random.Generator, noise: np.random.Generator) -> list[Case]:
    height, width = FRAME
    left, top, right, bottom = figure.box
    scale = height * chance.uniform(0.7, 0.95) / (bottom - top)
    x = width * chance.uniform(0.35, 0.65) - scale * (left + right) / 2
    y = height - scale * bottom
    step = chance.choice((-1, 1)) * chance.uniform(0.7, 1.2), chance.uniform(0, 0.3)
    larger = max(height / room.shape[0], width / room.shape[1])
    wide = cv2.resize(room, None, fx=larger, fy=larger, interpolation=cv2.INTER_LINEAR)[:height, :width]
    frames = []
    for k in range(WALK_FRAMES):
        cut = figure.cut.warp(
            np.array([[scale, 0, x + k * step[0]], [0, scale, y + k * step[1]]]), FRAME, cv2.BORDER_CONSTANT
        )
        rest = (255 - cut[..., 3:]).astype(np.uint16)
        under = ((wide * rest + 127) // 255).astype(np.uint8)
        image = cv2.add(np.ascontiguousarray(cut[..., :3]), under)
        frames.append(Case(f"walk {k}", _noisy(image, noise), np.ascontiguousarray(cut[..., 3])))
    return frames
