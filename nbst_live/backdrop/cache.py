"""Finished backdrops on disk, found again by style, settings and a tolerant signature of the plate.

The plate itself is never stored. Its signature is the mean colour of some hundred cells of the picture: camera noise
and a little change of light leave it as it is, another room or another place of the camera does not.
"""

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from nbst_live.errors import InputError, PictureError
from nbst_live.paths import is_file
from nbst_live.pictures import PARTIAL, read_picture, write_picture, write_whole
from nbst_live.stages import Matte, Picture

log = logging.getLogger(__name__)

GRID = (16, 9)
"""Cells of a signature: columns, rows."""
SAME_ROOM = 6.0
"""Mean difference of cells, in CIELAB units, up to which two plates are one room."""
SHARED_CELLS = 0.3
"""Least share of cells that both plates must have seen."""
NEW_CELLS = 0.04
"""Share of cells that may have come to be known since, for a painting to be one of all that is known now."""
LIMIT_BYTES = 100 << 20
PICTURES = "[!.]*.png"


@dataclass(frozen=True, slots=True)
class Signature:
    """`cells` (rows, columns, 3) float32: mean CIELAB colours; `seen` (rows, columns) bool: where it was seen."""

    cells: npt.NDArray[np.float32]
    seen: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, plate: Picture, known: Matte) -> "Signature":
        """The signature of a plate (H, W, 3) uint8 BGR; `known` (H, W) uint8 is 255 where it was seen."""
        small = cv2.resize(plate, GRID, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        seen = cv2.resize(known, GRID, interpolation=cv2.INTER_AREA) == 255
        return cls(cv2.cvtColor(small, cv2.COLOR_BGR2Lab), seen)

    def matches(self, other: "Signature") -> bool:
        """Whether both are of the same room, seen from the same place."""
        both = self.seen & other.seen
        if both.mean() < SHARED_CELLS:
            return False
        return float(np.abs(self.cells - other.cells)[both].mean()) <= SAME_ROOM

    def covers(self, later: "Signature") -> bool:
        """Whether a painting of this plate will do for a later one: of the same room, of which hardly more is known."""
        return self.matches(later) and float((later.seen & ~self.seen).mean()) <= NEW_CELLS


@dataclass(frozen=True, slots=True)
class Stored:
    """A finished backdrop, (h, w, 3) uint8 BGR, its file, and the signature of the plate that it was painted from."""

    path: Path
    picture: Picture
    signature: Signature


class BackdropCache:
    """A folder of pairs: NAME.png, a finished backdrop at the solver's size, and NAME.json, what it was made for."""

    def __init__(self, folder: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self._folder = folder
        self._limit = limit_bytes

    def load(self, key: str, signature: Signature) -> Stored | None:
        """The newest backdrop for this key (see `cache_key`) and room; a broken one counts as none."""
        found = self._find(key, signature)
        try:
            return None if found is None else Stored(found[0], read_picture(found[0]), found[1])
        except PictureError as error:
            log.warning("cache: %s", error)
            return None

    def store(self, key: str, signature: Signature, picture: Picture) -> None:
        """Keeps a finished backdrop in place of an earlier one of the same room; a full disk only costs the entry, and
        so does a room of which too little was seen to be known again.
        """
        if signature.seen.mean() < SHARED_CELLS:
            return
        name = hashlib.sha256(signature.cells.tobytes()).hexdigest()[:12]
        earlier = self._find(key, signature)
        path = self._folder / f"{key}-{name}.png" if earlier is None else earlier[0]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            write_picture(path, picture)
            entry = {"cells": signature.cells.round(1).tolist(), "seen": signature.seen.tolist()}
            write_whole(path.with_suffix(".json"), json.dumps(entry).encode())
            self._evict()
        except (InputError, OSError) as error:
            log.warning("cache: %s", error)

    def usage(self) -> tuple[int, int]:
        """How many pictures are stored, and their bytes. Raises InputError."""
        try:
            sizes = [file.stat().st_size for file in self._folder.glob(PICTURES)]
        except OSError as error:
            raise InputError(f"{self._folder} cannot be read: {error.strerror}; check its permissions") from error
        return len(sizes), sum(sizes)

    def clear(self) -> tuple[int, int]:
        """Removes everything; returns how many pictures and bytes that were. Raises InputError."""
        pictures, size = self.usage()
        try:
            for kind in (PICTURES, "*.json", f".*{PARTIAL}*"):
                for file in self._folder.glob(kind):
                    file.unlink(missing_ok=True)
        except OSError as error:
            raise InputError(f"{self._folder} cannot be cleared: {error.strerror}; check its permissions") from error
        return pictures, size

    def _find(self, key: str, signature: Signature) -> tuple[Path, Signature] | None:
        for entry in sorted(self._folder.glob(f"{key}-*.json"), key=_modified, reverse=True):
            stored, picture = _read_signature(entry), entry.with_suffix(".png")
            if stored is not None and stored.matches(signature) and is_file(picture):
                return picture, stored
        return None

    def _evict(self) -> None:
        """Removes the oldest pictures until the rest is within the limit."""
        pictures = sorted(self._folder.glob(PICTURES), key=_modified, reverse=True)
        total = 0
        for file in pictures:
            total += file.stat().st_size
            if total > self._limit:
                file.unlink(missing_ok=True)
                file.with_suffix(".json").unlink(missing_ok=True)


def cache_folder() -> Path:
    """Where finished backdrops are kept: the platform's cache folder."""
    from platformdirs import user_cache_path

    return user_cache_path("nbst-live", appauthor=False) / "backdrops"


def cache_key(paintings: Sequence[tuple[Path, float]], *parts: object) -> str:
    """A key for paintings, by their bytes and weights, and everything else that changes the picture, by its text.

    Raises PictureError when a painting's file is gone.
    """
    digest = hashlib.sha256(repr(parts).encode())
    for path, weight in paintings:
        try:
            digest.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise PictureError(f"{path} cannot be read: {error.strerror}; expected the painting") from error
        digest.update(repr(weight).encode())
    return digest.hexdigest()[:16]


def _modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _read_signature(entry: Path) -> Signature | None:
    try:
        content = json.loads(entry.read_text(encoding="utf-8"))
        cells, seen = np.array(content["cells"], np.float32), np.array(content["seen"], np.bool_)
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("cache: %s is not an entry of this version (%s)", entry, error)
        return None
    columns, rows = GRID
    return Signature(cells, seen) if cells.shape == (rows, columns, 3) and seen.shape == (rows, columns) else None
