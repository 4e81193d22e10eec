"""What is imported when, and which names are promised to other programs."""

import importlib
import re
import subprocess
import sys
from types import ModuleType

import pytest

import nbst_live
from nbst_live import errors

HEAVY = {"av", "cv2", "matplotlib", "onnxruntime", "pyvirtualcam", "scipy", "skimage", "torch", "torchvision"}


def imported_by(module: str) -> set[str]:
    """Top-level names of all modules that `import module` loads in a fresh interpreter."""
    command = f"import sys, {module}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    ran = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stdout.split())


def test_the_command_line_starts_light() -> None:
    assert not imported_by("nbst_live.cli") & HEAVY


@pytest.mark.parametrize("module", ["nbst_live.app", "nbst_live.backdrop.worker", "nbst_live.filter"])
def test_the_live_process_does_not_load_torch(module: str) -> None:
    assert "torch" not in imported_by(module)


def public_names(module: ModuleType) -> set[str]:
    """Names without underscore that the module defines itself."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    }


def test_the_package_offers_what_it_says() -> None:
    assert nbst_live.__all__ == ["BackgroundFilter", "NbstError", "__version__"]
    assert all(getattr(nbst_live, name) is not None for name in nbst_live.__all__)


# Other programs may use these: a change here is a change for them, and belongs in CHANGELOG.md.
PUBLIC = {
    "nbst_live.errors": "InputError MaskError ModelError NbstError PictureError ProviderError SettingError SinkError"
    " SolverError SourceEnded SourceError SourceStalled",
    "nbst_live.models": "InputSize Manifest ModelRecord StyleRecord builtin_styles custom find load_manifest models_dir"
    " verify",
    "nbst_live.stages": "Backdrop Closing Compared Cutout Frame Masker Movement Room Seen Sink Source SourceInfo"
    " Trimap",
}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_these(name: str) -> None:
    assert public_names(importlib.import_module(name)) == set(PUBLIC[name].split())


def test_every_error_is_one_of_ours() -> None:
    for name in PUBLIC["nbst_live.errors"].split():
        assert issubclass(getattr(errors, name), errors.NbstError)


def test_the_tree_of_errors_is_drawn_whole() -> None:
    tree = (errors.__doc__ or "").partition("Each message")[0]
    assert set(re.findall(r"\b[A-Z]\w+", tree)) >= set(PUBLIC["nbst_live.errors"].split())
