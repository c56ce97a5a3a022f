"""The order of the table. Pure; does not know where the experiments are from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from sample_factory.dashboard.overview import Overview
from sample_factory.dashboard.state import STATES


class Column(NamedTuple):
    """One by which the table can be ordered."""

    key: str
    title: str
    is_number: bool
    order: Callable[[Overview], float | str]
    """Smallest first."""


def _largest_first(value: float | None) -> float:
    return math.inf if value is None or math.isnan(value) else -value


def _smallest_first(value: float | None) -> float:
    return math.inf if value is None else value


COLUMNS = (
    Column("name", "experiment", False, lambda row: row.name),
    Column("state", "state", False, lambda row: STATES.index(row.state)),
    Column("env", "environment", False, lambda row: row.env),
    Column("frames", "frames", True, lambda row: _largest_first(row.frames)),
    Column("fps", "frames/s", True, lambda row: _largest_first(row.fps)),
    Column("reward", "reward", True, lambda row: _largest_first(row.reward)),
    Column("true_reward", "true reward", True, lambda row: _largest_first(row.true_reward)),
    Column("eta", "time left", True, lambda row: _smallest_first(row.eta_sec)),
    Column("written", "last sign", True, lambda row: _largest_first(row.written)),
)


def arrange(rows: Sequence[Overview], pattern: str, key: str) -> list[Overview]:
    """Those that match, in order of a column; by state and then the newest first if there is no such column.

    Args:
        rows: all.
        pattern: a mask of names and environments, or a part of one.
        key: of the column.
    """
    chosen = sorted((row for row in rows if _matches(row, pattern.strip())), key=lambda row: row.name)
    column = next((column for column in COLUMNS if column.key == key), None)
    if column is not None:
        return sorted(chosen, key=column.order)
    return sorted(chosen, key=lambda row: (STATES.index(row.state), -(row.written or 0.0)))


def _matches(row: Overview, pattern: str) -> bool:
    mask = f"*{pattern.lower()}*"
    return fnmatchcase(row.name.lower(), mask) or fnmatchcase(row.env.lower(), mask)
