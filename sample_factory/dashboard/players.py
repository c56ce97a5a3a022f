"""The ratings and the family tree of an experiment's policies. Knows nothing of pages."""

from __future__ import annotations

import io
import math
import threading
from pathlib import Path
from typing import NamedTuple

from sample_factory.algorithms.appo import lineage_file
from sample_factory.algorithms.appo.family_tree import FamilyTree, family_tree
from sample_factory.algorithms.appo.lineage_file import Decision
from sample_factory.algorithms.appo.self_play import FILE_NAME as RATINGS
from sample_factory.dashboard.contained import Contained

LINEAGE = lineage_file.FILE_NAME
_MOST_LINEAGE_BYTES = 4 << 20
_PREFERRED = "learning_rate"
_DRAWS_ONE_AT_A_TIME = threading.Lock()
"""Of matplotlib."""


class Rating(NamedTuple):
    """One player."""

    policy: int
    env_steps: int | None
    """Frames of the policy when it was kept; None: as it is now."""
    elo: float
    matches: int


class Lineage(NamedTuple):
    """A population so far."""

    decisions: list[Decision]
    """Oldest first."""
    tree: FamilyTree
    parameter: str
    """The hyper-parameter to draw; empty if there is none that all have."""
    version: int
    """Another one whenever the file has changed."""


def read_ratings(folder: Path, files: Contained) -> list[Rating]:
    """The highest first; empty if there are none.

    Raises:
        ValueError: the file is not what it should be.
    """
    entries = files.json(folder / RATINGS)
    try:
        ratings = [
            Rating(
                int(e["policy"]),
                None if e["env_steps"] is None else int(e["env_steps"]),
                float(e["elo"]),
                int(e["matches"]),
            )
            for e in entries or []
        ]
    except (TypeError, KeyError, ValueError, OverflowError):
        raise ValueError(f"{RATINGS} is not what self-play writes") from None
    return sorted((rating for rating in ratings if math.isfinite(rating.elo)), key=lambda rating: -rating.elo)


def read_lineage(folder: Path, files: Contained) -> Lineage | None:
    """None if there is none.

    Raises:
        ValueError: the file is not what it should be.
    """
    status = files.file(folder / LINEAGE)
    if status is None:
        return None
    if status.st_size > _MOST_LINEAGE_BYTES:
        raise ValueError(f"{LINEAGE} has {status.st_size:,} bytes, which is too much to show")
    try:
        decisions = lineage_file.read(folder)
        tree = family_tree(decisions)
        names = [set(one.values) for stretches in tree.stretches.values() for one in stretches]
    except (OSError, TypeError, KeyError, IndexError, AttributeError, RecursionError, ValueError):
        raise ValueError(f"{LINEAGE} is not what population-based training writes") from None
    if not decisions:
        return None
    shared = sorted(set.intersection(*names))
    parameter = _PREFERRED if _PREFERRED in shared else next(iter(shared), "")
    return Lineage(decisions, tree, parameter, status.st_mtime_ns)


def draw_lineage(lineage: Lineage) -> bytes:
    """The family tree as SVG.

    Raises:
        ValueError: it cannot be drawn, or matplotlib is not installed.
    """
    try:
        # Only here, because the package is optional.
        from sample_factory.algorithms.appo.lineage_picture import draw
    except ModuleNotFoundError as error:
        raise ValueError(f"a picture needs the package {error.name!r}: pip install 'sample-factory[plot]'") from None
    if not lineage.parameter:
        raise ValueError("there is no hyper-parameter that all policies have")
    file = io.BytesIO()
    with _DRAWS_ONE_AT_A_TIME:
        try:
            draw(lineage.tree, lineage.parameter, "population", file)
        except (TypeError, KeyError, OverflowError) as error:
            raise ValueError(f"the lineage cannot be drawn: {error}") from None
    return file.getvalue()
