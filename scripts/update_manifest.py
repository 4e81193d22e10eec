"""Brings models/manifest.json up to date with the files in models/: recomputes every SHA-256.

Names files without an entry and entries without a file, and then ends with 1: what a file is, whose it is and how it
wants its pictures is written by hand (fields: ModelRecord and StyleRecord in nbst_live/models.py).
"""

import hashlib
import json
import sys
from pathlib import Path

MODELS = Path(__file__).resolve().parents[1] / "models"
SUFFIXES = {".onnx", ".npz", ".jpg"}


def main() -> int:
    path = MODELS / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    entries = [*manifest["models"], *manifest["styles"]]
    listed = {MODELS / entry["file"] for entry in entries}
    there = {file for file in MODELS.rglob("*") if file.suffix in SUFFIXES}
    for entry in entries:
        if (file := MODELS / entry["file"]) in there:
            entry["sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

    problems = [f"{file}: no entry in the manifest" for file in sorted(there - listed)]
    problems += [f"{file}: in the manifest, but not there" for file in sorted(listed - there)]
    print("\n".join(problems) or f"{path}: {len(entries)} entries")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
