"""Ratios, the table and what describes the machine. Knows results, not how they came about."""

from __future__ import annotations

import os
import platform
import shutil
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.measure import Measurement

_VERSIONS_SCRIPT = """
import importlib.metadata, platform, sys
print("python", platform.python_version())
for name in sys.argv[1:]:
    try:
        print(name, importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        pass
"""


@dataclass(frozen=True)
class Run:
    """One run of one system; `measurement` is None where it failed, and `error` says how."""

    system: str
    setting: str
    pair: int
    measurement: Measurement | None
    error: str | None = None


class Ratio(NamedTuple):
    """How much faster one system is than another."""

    median: float
    lowest: float
    highest: float
    num_pairs: int


def ratio(ours: Sequence[Run], peer: Sequence[Run]) -> Ratio | None:
    """Our FPS over the peer's, pair by pair; pairs in which either run failed do not count, None if no pair counts."""
    theirs = {run.pair: run.measurement.fps for run in peer if run.measurement is not None}
    ratios = [
        run.measurement.fps / theirs[run.pair]
        for run in ours
        if run.measurement is not None and theirs.get(run.pair, 0) > 0
    ]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), len(ratios)) if ratios else None


def table(
    runs_of_cases: Mapping[str, Sequence[Run]], limits: Mapping[str, float] | None = None, ours: str = "ours"
) -> str:
    """The result as plain text: a line per case and peer; where our engine did not run, FPS of the peers alone.

    Args:
        limits: frames per second that are possible, of the cases for which it was measured.
    """
    head = ["case", "ours fps", "of the limit", "peer", "peer fps", "ratio (min-max)"]
    head += ["load before", "peak PSS MB", "start-up s"]
    rows = [head]
    for case, runs in runs_of_cases.items():
        own = [run for run in runs if run.system == ours]
        peers: list[str | None] = [*dict.fromkeys(run.system for run in runs if run.system != ours)] or [None]
        limit = (limits or {}).get(case)
        rows += [[case, *_row(own, limit, peer, [run for run in runs if run.system == peer])] for peer in peers]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * (sum(widths) + 2 * len(widths) - 2), *lines[1:]])


def _row(own: Sequence[Run], limit: float | None, peer: str | None, theirs: Sequence[Run]) -> list[str]:
    found = ratio(own, theirs)
    shown = "-" if found is None else f"{found.median:.2f} ({found.lowest:.2f}-{found.highest:.2f})"
    sides = [side for side in (own, theirs) if side]
    return [
        _median_fps(own),
        _share(own, limit),
        peer or "-",
        _median_fps(theirs),
        shown,
        " / ".join(_each(side, lambda m: f"{m.load_average:.1f}") for side in sides),
        " / ".join(_peak_mb(side) for side in sides),
        " / ".join(_startup(side) for side in sides),
    ]


def _measurements(runs: Sequence[Run]) -> list[Measurement]:
    return [run.measurement for run in runs if run.measurement is not None]


def _median_fps(runs: Sequence[Run]) -> str:
    if not runs:
        return "-"
    fps = [measurement.fps for measurement in _measurements(runs)]
    return f"{statistics.median(fps):,.0f}" if fps else "failed"


def _share(runs: Sequence[Run], limit: float | None) -> str:
    fps = [measurement.fps for measurement in _measurements(runs)]
    return f"{statistics.median(fps) / limit:.0%}" if fps and limit else "-"


def _startup(runs: Sequence[Run]) -> str:
    seconds = [measurement.startup_seconds for measurement in _measurements(runs)]
    return f"{statistics.median(seconds):.0f}" if seconds else "-"


def _each(runs: Sequence[Run], show: Callable[[Measurement], str]) -> str:
    return " ".join(show(measurement) for measurement in _measurements(runs)) or "-"


def _peak_mb(runs: Sequence[Run]) -> str:
    peaks = [measurement.peak_pss_bytes for measurement in _measurements(runs)]
    return f"{max(peaks) / 1e6:,.0f}" if peaks else "-"


# ---- what the numbers were taken on


def machine() -> dict[str, str | int | list[str]]:
    """What the machine is."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": psutil.virtual_memory().total,
        "kernel": platform.release(),
        "gpus": _output(["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]).splitlines(),
    }


def commit(root: Path) -> str:
    """The commit of the working tree, with `-dirty` if it has changes."""
    return _output(["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]).strip()


def versions(python: str, packages: Sequence[str]) -> dict[str, str]:
    """Versions of the packages that an interpreter would import."""
    lines = _output([python, "-c", _VERSIONS_SCRIPT, *packages]).splitlines()
    return dict(line.split(" ", 1) for line in lines)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _output(command: Sequence[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False).stdout
