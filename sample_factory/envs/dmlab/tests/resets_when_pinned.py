"""A worker of tests that resets a level once. Knows no test."""

from __future__ import annotations

import os
from pathlib import Path

from sample_factory.envs.dmlab.lab import open_lab
from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots
from sample_factory.envs.dmlab.level_cache.handover import LevelCache
from sample_factory.system.reports import ReportWriter

LEVEL = "contributed/dmlab30/explore_goal_locations_small"


def reset_once(places: Path, reports: ReportWriter) -> None:
    """Report this process's cores and niceness before and after."""
    seen = [_scheduling()]
    cache = LevelCache(None, CompileSlots(1, places))
    lab = open_lab(LEVEL, [], {}, level_cache=cache)
    lab.reset(seed=1)
    seen.append(_scheduling())
    lab.close()
    reports.send("seen", scheduling=seen, misses=cache.misses, failures=cache.failures)


def _scheduling() -> list[object]:
    return [sorted(os.sched_getaffinity(0)), os.nice(0)]
