"""An installed wheel is whole: it works away from the clone and brings its models."""

import subprocess
import sys
from pathlib import Path

import pytest

PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]


@pytest.fixture(scope="module")
def installed(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nbst-live installed from a wheel built just now, without its dependencies and without network."""
    work = tmp_path_factory.mktemp("wheel")
    offline = ["--no-index", "--no-deps"]
    subprocess.run([*PIP, "wheel", *offline, "--no-build-isolation", "-w", work, repository], check=True, timeout=300)
    (wheel,) = work.glob("nbst_live-*.whl")
    subprocess.run([*PIP, "install", *offline, "--target", work / "site", wheel], check=True, timeout=300)
    return work / "site"


def run_installed(installed: Path, code: str) -> list[str]:
    # -P keeps the working folder off the path; what is put first wins over a clone installed in this environment.
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(installed)!r}); {code}"]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, cwd=installed)
    return ran.stdout.splitlines()


def test_models_come_with_the_wheel(installed: Path, repository: Path) -> None:
    (folder,) = run_installed(installed, "from nbst_live import models; print(models.models_dir())")
    assert Path(folder) == installed / "nbst_live" / "_models"
    packed = {path.relative_to(folder) for path in Path(folder).rglob("*") if path.is_file()}
    cloned = {path.relative_to(repository / "models") for path in (repository / "models").rglob("*") if path.is_file()}
    assert packed == cloned


def test_every_installed_model_has_the_right_bytes(installed: Path) -> None:
    code = (
        "from nbst_live import models; manifest = models.load_manifest(); "
        "[print(models.verify(record)) for record in [*manifest.models.values(), *manifest.styles.values()]]"
    )
    assert all(Path(line).is_relative_to(installed) for line in run_installed(installed, code))


def test_the_wheel_states_version_licence_and_command(installed: Path) -> None:
    (about,) = installed.glob("nbst_live-*.dist-info")
    metadata = (about / "METADATA").read_text(encoding="utf-8")
    (version,) = run_installed(installed, "import nbst_live; print(nbst_live.__version__)")
    assert f"\nVersion: {version}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert (about / "licenses" / "LICENSE").is_file()
    assert "nbst-live = nbst_live.cli:main" in (about / "entry_points.txt").read_text(encoding="utf-8")
