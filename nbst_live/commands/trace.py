"""What the optimiser did: its losses over the steps as a table and a plot, and the picture at stages."""

import csv
from pathlib import Path

from nbst_live.backdrop.job import Progress
from nbst_live.errors import InputError
from nbst_live.pictures import write_picture
from nbst_live.stages import Picture


class Trace:
    """A folder that fills with `step-NNNN.png` as the solver publishes, and at the end with `loss.csv` and
    `loss.png`.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._rows: list[Progress] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"{folder} cannot be made: {error.strerror}; choose another folder for the trace"
            ) from error

    def add(self, progress: Progress, picture: Picture | None) -> None:
        """Takes one step, and its picture where there is one."""
        self._rows.append(progress)
        if picture is not None:
            write_picture(self._folder / f"step-{progress.step:04}.png", picture)

    def finish(self) -> None:
        """Writes the table and the plot."""
        try:
            with (self._folder / "loss.csv").open("w", newline="", encoding="utf-8") as stream:
                table = csv.writer(stream)
                table.writerow(["step", "seconds", "total", "content", "style"])
                table.writerows([r.step, round(r.seconds, 3), r.loss, r.content, r.style] for r in self._rows)
            self._plot(self._folder / "loss.png")
        except OSError as error:
            raise InputError(f"{self._folder} cannot be written: {error.strerror}; choose another folder") from error

    def _plot(self, file: Path) -> None:
        # The object interface needs no display and leaves the library user's own figures alone.
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        steps = [row.step for row in self._rows]
        for name in ("loss", "content", "style"):
            axes.plot(steps, [getattr(row, name) for row in self._rows], label={"loss": "J"}.get(name, f"J {name}"))
        axes.set(xlabel="step", ylabel="loss", yscale="log")
        axes.legend()
        figure.savefig(file)
