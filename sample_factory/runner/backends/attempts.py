"""What those who are not the runner need of an attempt: does it live, make it end. Does not know who asks, or why.

The module of a place where experiments run answers for its own attempts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sample_factory.runner.backends import processes, ray, slurm
from sample_factory.runner.backends.backend import Condition, Lookout
from sample_factory.runner.ledger import Entry

_LOOKOUTS: Mapping[str, Lookout] = {processes.NAME: processes, slurm.NAME: slurm, ray.NAME: ray}
"""By what the ledger calls the place of an attempt."""


def is_reachable(entry: Entry) -> bool:
    """Whether a running attempt could be seen and stopped from here."""
    lookout = _LOOKOUTS.get(entry.backend or "")
    return lookout is not None and lookout.is_reachable(entry)


def conditions(folder: Path, entries: Sequence[Entry]) -> dict[str, Condition]:
    """Name -> condition; those that nobody here knows anything about are left out.

    Args:
        folder: of the run.
        entries: any of its ledger.
    """
    found: dict[str, Condition] = {}
    for place, lookout in _LOOKOUTS.items():
        asked = [entry for entry in entries if entry.state == "pending" or _runs_at(entry, place)]
        found |= lookout.conditions(folder, asked)
    return found


def stop(folder: Path, entry: Entry, kill: bool) -> None:
    """Ask a running attempt that can be reached to save and end, or kill it; one that is gone already is no error."""
    _LOOKOUTS[entry.backend or ""].stop(folder, entry, kill)


def withdraw(folder: Path, names: Sequence[str]) -> None:
    """Take out of queues what waits there of these experiments."""
    slurm.withdraw(folder, names)  # the only place with a queue


def _runs_at(entry: Entry, place: str) -> bool:
    return entry.state == "running" and entry.backend == place
