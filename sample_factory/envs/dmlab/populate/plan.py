"""Which level is made next, and when to stop. Knows no process, no file and no clock."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from sample_factory.envs.dmlab.level_cache.used_seeds import NUM_SEEDS

# Another level is another engine, a second or so: some levels are made before it is closed.
_MAX_JOB = 10
_MAX_FAILURES = 10
_MAX_UNSTORED = 20


class Job(NamedTuple):
    """What a worker makes before it asks again."""

    level: str
    seeds: tuple[int, ...]


class Made(NamedTuple):
    """One seed of a job is done with."""

    level: str
    was_cached: bool = False
    """Its layout was there already, under another seed; now it is under this one as well."""
    stored_bytes: int = 0
    """0 if the store did not take it."""
    error: str = ""


class Lost(NamedTuple):
    """A worker has died."""

    level: str
    num_seeds: int
    """Seeds of its job that it had not done with."""
    error: str


def chosen_levels(levels_per_billion: Mapping[str, int], names: Sequence[str]) -> dict[str, int]:
    """Those that are named, by their path or the end of it; all of them if none is.

    Raises:
        ValueError: there is no such level.
    """
    found = {}
    for name in names or levels_per_billion:
        path = next((path for path in levels_per_billion if name in (path, path.rpartition("/")[2])), None)
        if path is None:
            known = ", ".join(path.rpartition("/")[2] for path in levels_per_billion)
            raise ValueError(f"--levels: {name} is no level that is compiled at each reset; those are {known}")
        found[path] = levels_per_billion[path]
    return found


def targets_for(levels_per_billion: Mapping[str, int], num_frames: float) -> dict[str, int]:
    """How many of each level a training of `num_frames` frames plays."""
    return {level: math.ceil(count * num_frames / 1e9) for level, count in levels_per_billion.items()}


def furthest_behind(done: Mapping[str, int], targets: Mapping[str, int]) -> str | None:
    """The level of which the smallest part of its target is done; None if all are met."""
    behind = [level for level, target in targets.items() if done[level] < target]
    return min(behind, key=lambda level: done[level] / targets[level], default=None)


class Plan:
    """What is there, what is under way and what is missing of each level."""

    def __init__(
        self, targets: Mapping[str, int], cached: Mapping[str, Iterable[int]], num_workers: int, chance: random.Random
    ) -> None:
        """
        Args:
            targets: how many of each level there are to be.
            cached: seeds of each level that are in the cache already.
            num_workers: among whom the last ones are spread.
            chance: draws the seeds.
        """
        self.targets = dict(targets)
        self.stored_bytes = 0
        self.first_errors: dict[str, str] = {}
        """Of levels that failed so often that they were given up."""
        self._seeds = {level: set(cached[level]) for level in targets}
        self._ready = Counter({level: len(seeds) for level, seeds in self._seeds.items()})
        self._under_way = Counter(dict.fromkeys(targets, 0))
        self._failures: dict[str, list[str]] = {level: [] for level in targets}
        self._num_workers, self._chance = num_workers, chance
        self._unstored_in_a_row = 0

    @property
    def num_ready(self) -> int:
        """Levels that are there, as far as they are wanted."""
        return sum(min(self._ready[level], target) for level, target in self.targets.items())

    @property
    def num_wanted(self) -> int:
        """Sum of the targets."""
        return sum(self.targets.values())

    @property
    def is_met(self) -> bool:
        """Whether there is enough of every level."""
        return self.num_ready == self.num_wanted

    @property
    def takes_nothing(self) -> bool:
        """Whether the cache has refused so many levels in a row that it will not take any."""
        return self._unstored_in_a_row >= _MAX_UNSTORED

    def counts(self) -> dict[str, tuple[int, int]]:
        """How many there are of each level, and are to be."""
        return {level: (self._ready[level], target) for level, target in self.targets.items()}

    def next_job(self) -> Job | None:
        """Something for an idle worker; None if all that is missing is under way or was given up."""
        wanted = {level: target for level, target in self.targets.items() if level not in self.first_errors}
        level = furthest_behind(self._ready + self._under_way, wanted)
        if level is None:
            return None
        missing = wanted[level] - self._ready[level] - self._under_way[level]
        job = Job(level, tuple(self._fresh_seed(level) for _ in range(_share(missing, self._num_workers))))
        self._under_way[level] += len(job.seeds)
        return job

    def note(self, event: Made | Lost) -> None:
        """Something has happened to a job."""
        level = event.level
        self._under_way[level] -= event.num_seeds if isinstance(event, Lost) else 1
        if event.error:
            self._note_failure(level, event.error)
        elif isinstance(event, Made):
            self._failures[level].clear()
            self._note_level(event)

    def _note_level(self, made: Made) -> None:
        if made.was_cached or made.stored_bytes:
            self._ready[made.level] += 1
        if made.stored_bytes:
            self._unstored_in_a_row = 0
            self.stored_bytes += made.stored_bytes
        elif not made.was_cached:
            self._unstored_in_a_row += 1

    def _note_failure(self, level: str, error: str) -> None:
        failures = self._failures[level]
        failures.append(error)
        if len(failures) >= _MAX_FAILURES:
            self.first_errors.setdefault(level, failures[0])

    def _fresh_seed(self, level: str) -> int:
        seeds = self._seeds[level]
        while (seed := self._chance.randrange(NUM_SEEDS)) in seeds:
            pass
        seeds.add(seed)
        return seed


def _share(missing: int, num_workers: int) -> int:
    return max(1, min(_MAX_JOB, missing // num_workers))
