"""Writes docs/settings.md, the reference of all settings, from their one declaration in nbst_live/settings.py."""

from dataclasses import Field, fields
from pathlib import Path

from nbst_live.controls import help_lines
from nbst_live.settings import GROUPS, Settings

TARGET = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
INTRODUCTION = """# Settings

Made by `scripts/write_reference.py` from `nbst_live/settings.py`. Each setting is an option of `nbst-live` and a key of
the config file (`nbst-live --help` says where it lies), where flags are `true` or `false`. The command line wins: there
`--no-mirror` takes back `mirror = true`, `--virtual-camera` `no-virtual-camera = true`, and `--style` also `style-mix`.

```toml
style = ["starry.jpg", "ink"]
mirror = true
refresh = 120
```
"""


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for group, title in GROUPS.items():
        parts.append(f"\n## {title[0].upper()}{title[1:]}\n\n| option | default | what it does |\n|---|---|---|")
        parts += [_row(field) for field in fields(Settings) if field.metadata["group"] == group]
    keys = "\n".join(help_lines())
    parts.append(f"\n## Keys\n\nIn the preview window and in the terminal:\n\n```\n{keys}\n```")
    return "\n".join(parts) + "\n"


def _row(field: Field[object]) -> str:
    about = field.metadata
    option = f"--{field.name.replace('_', '-')}" + (f" {about['metavar']}" if about["metavar"] else "")
    default = field.default
    if isinstance(default, tuple):
        default = "x".join(map(str, default))
    shown = "" if default in (None, "", False) else f"{default:g}" if isinstance(default, float) else str(default)
    return f"| `{option.replace('|', '&#124;')}` | {shown} | {about['help'].replace('|', '&#124;')} |"


if __name__ == "__main__":
    TARGET.write_text(reference(), encoding="utf-8")
