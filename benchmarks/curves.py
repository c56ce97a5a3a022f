"""Draws learning curves of experiments from their summaries: one panel per case, one line per seed.

    python -m benchmarks.curves --train_dir DIR --cases hopper pong --out docs/images/learning.png

An experiment is a folder `<case>_<seed>`, as `benchmarks.learning` makes them; `--cases one+other` draws two cases in
one panel, each in a colour of its own. Knows no environment.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl

mpl.use("Agg")  # no display is needed to write a file

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

_TAG = "0_aux/avg_reward"
_COLUMNS = 3


class Curve(NamedTuple):
    """Mean return of the last 100 training episodes."""

    case: str
    seed: str
    frames: list[int]
    returns: list[float]


def read_curves(train_dir: Path, case: str) -> list[Curve]:
    """The curves of all seeds of a case.

    Raises:
        ValueError: there is none, or one that has finished no episode.
    """
    folders = sorted(path for path in train_dir.glob(f"{case}_*") if path.name.removeprefix(f"{case}_").isdigit())
    if not folders:
        raise ValueError(f"there is no experiment {case}_<seed> in {train_dir}")
    return [_read(folder, case, folder.name.removeprefix(f"{case}_")) for folder in folders]


def draw(curves: dict[str, list[Curve]], bars: dict[str, float], path: Path) -> None:
    """Write the picture; `bars` are the mean returns that were promised, drawn dashed."""
    columns = min(_COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 2.9 * rows), squeeze=False, layout="constrained")
    for panel, (case, lines) in zip(axes.flat, curves.items(), strict=False):
        _draw_panel(panel, case, lines, bars.get(case))
    for panel in list(axes.flat)[len(curves) :]:
        panel.set_axis_off()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--train_dir", type=Path, required=True)
    parser.add_argument("--cases", nargs="+", required=True)
    parser.add_argument("--bars", nargs="*", default=[], metavar="CASE=RETURN", help="drawn as dashed lines")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    bars = {case: float(value) for case, value in (bar.split("=") for bar in arguments.bars)}
    panels = {
        cases: [curve for case in cases.split("+") for curve in read_curves(arguments.train_dir, case)]
        for cases in arguments.cases
    }
    draw(panels, bars, arguments.out)
    return 0


def _read(folder: Path, case: str, seed: str) -> Curve:
    events = EventAccumulator(str(folder / ".summary" / "0"))
    events.Reload()
    if _TAG not in events.Tags()["scalars"]:
        raise ValueError(f"{folder} has no {_TAG}: no episode has ended there")
    points = events.Scalars(_TAG)
    return Curve(case, seed, [point.step for point in points], [point.value for point in points])


def _draw_panel(panel: Axes, case: str, lines: list[Curve], bar: float | None) -> None:
    cases = list(dict.fromkeys(line.case for line in lines))
    for i, line in enumerate(lines):
        color, label = f"C{i}", f"seed {line.seed}"
        if len(cases) > 1:
            is_first = line.case not in [before.case for before in lines[:i]]
            color, label = f"C{cases.index(line.case)}", line.case if is_first else ""
        panel.plot([frames / 1e6 for frames in line.frames], line.returns, color=color, label=label, linewidth=1.2)
    if bar is not None:
        panel.axhline(bar, color="gray", linestyle="--", linewidth=1)
    panel.set_title(case, fontsize=10)
    panel.set_xlabel("million frames", fontsize=8)
    panel.set_ylabel("mean return", fontsize=8)
    panel.tick_params(labelsize=8)
    panel.grid(alpha=0.3)
    if len(lines) > 1:
        panel.legend(fontsize=7)


if __name__ == "__main__":
    sys.exit(main())
