"""Fills a cache until there is enough, or a reason to stop. Does not know how a level is made or kept."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from sample_factory.envs.dmlab.level_cache.compiles import default_folder
from sample_factory.envs.dmlab.level_cache.handover import Levels
from sample_factory.envs.dmlab.populate.crew import Crew
from sample_factory.envs.dmlab.populate.display import Display, State
from sample_factory.envs.dmlab.populate.options import PopulateOptions
from sample_factory.envs.dmlab.populate.plan import Plan, chosen_levels, targets_for
from sample_factory.envs.dmlab.populate.worker import Lab, Workshop
from sample_factory.system.process import NotStartedError, end_start_server, interrupt_flag

_POLL_SEC = 0.5
_MET, _NOT_MET, _INTERRUPTED = 0, 1, 2


class Store(Levels, Protocol):
    """What is asked of a store besides levels."""

    def seeds(self, level: str) -> list[int]:
        """Seeds of a level that it has."""
        ...

    def close(self) -> None:
        """Let go of its files."""
        ...


def fill(
    options: PopulateOptions,
    levels_per_billion: Mapping[str, int],
    open_lab: Callable[..., Lab],
    open_store: Callable[[], Store],
) -> int:
    """Make what is missing; says on standard output how far it is and why it ends.

    Args:
        levels_per_billion: levels that a training of a billion frames plays, by path.
        open_lab: as `Workshop` says; like `open_store` to be found by its name in another process.

    Returns:
        The exit status: 0 there is enough of every level, 1 there is not, 2 interrupted.

    Raises:
        ValueError: one line: something that the user must mend.
    """
    path = Path(options.dmlab_level_cache_path).expanduser()
    _check_writable(path)
    levels = chosen_levels(levels_per_billion, options.levels)
    targets = targets_for(levels, options.train_for_env_steps)
    if options.target is not None:
        targets = dict.fromkeys(levels, options.target)
    plan = Plan(targets, _cached(open_store, levels), options.num_workers, random.SystemRandom())
    signals: list[int] = []
    display = Display()
    # A folder of its own: a worker that is killed leaves its files behind.
    scratch = tempfile.TemporaryDirectory(prefix="dmlab_populate_", ignore_cleanup_errors=True)
    with interrupt_flag(signals.append), scratch as folder:
        workshop = Workshop(open_lab, open_store, options.num_workers, default_folder(), Path(folder))
        crew = Crew(workshop, options.num_workers, lambda: bool(signals))
        reason = ""
        try:
            reason = _fill(plan, crew, display, path, options.min_free_gb, signals)
        except NotStartedError as error:
            if not signals:
                raise ValueError(f"{error}; try fewer --num_workers") from None
        finally:
            crew.close()
            end_start_server()
            display.close()
    if signals:
        print("interrupted; the levels that have been made are in the cache", file=sys.stderr)
        return _INTERRUPTED
    for line in _result(plan, reason):
        display.say(line)
    return _MET if plan.is_met else _NOT_MET


def _fill(plan: Plan, crew: Crew, display: Display, path: Path, min_free_gb: float, signals: list[int]) -> str:
    """Returns why it ended early, or an empty text."""
    said: set[str] = set()
    while not signals:
        free_bytes = shutil.disk_usage(path).free
        display.show(State(plan.num_ready, plan.num_wanted, plan.stored_bytes, free_bytes))
        if plan.takes_nothing:
            return "the cache takes no more levels: --dmlab_level_cache_max_gb is reached, or it cannot be written to"
        if free_bytes < min_free_gb * 1e9 and not plan.is_met:
            return (
                f"only {free_bytes / 1e9:.1f} GB are free on the disk of {path}, less than --min_free_gb={min_free_gb}"
            )
        crew.give_work(plan.next_job)
        if not crew.is_busy:
            return ""
        for event in crew.wait(_POLL_SEC):
            plan.note(event)
            if event.error and event.level not in said:
                said.add(event.level)
                display.say(f"{event.level}: {event.error}")
    return ""


def _result(plan: Plan, reason: str) -> list[str]:
    if plan.is_met:
        return [f"There is enough of every level: {plan.num_wanted:,}"]
    lines = [f"Ended early: {reason}"] if reason else []
    for level, (ready, target) in plan.counts().items():
        if ready < target:
            error = plan.first_errors.get(level)
            lines.append(f"{level}: {ready:,} of {target:,}{f'; given up: {error}' if error else ''}")
    return lines


def _cached(open_store: Callable[[], Store], levels: Mapping[str, int]) -> dict[str, list[int]]:
    store = open_store()
    try:
        return {level: store.seeds(level) for level in levels}
    finally:
        store.close()


def _check_writable(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"--dmlab_level_cache_path={path} cannot be made: {error.strerror or error}") from None
    if not os.access(path, os.W_OK):
        raise ValueError(f"--dmlab_level_cache_path={path} cannot be written to")
