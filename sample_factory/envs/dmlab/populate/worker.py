"""The process that makes levels, one after the other. Knows neither targets nor who takes the place of a dead one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots
from sample_factory.envs.dmlab.level_cache.handover import LevelCache, Levels
from sample_factory.envs.dmlab.populate.plan import Job, Made
from sample_factory.system.process import enter_child

# Nothing is observed; of the rest of what it says, mazes and all, only errors are of use.
_CONFIG: Mapping[str, str] = {"width": "96", "height": "72", "logLevel": "ERROR"}


class Lab(Protocol):
    """What is asked of a `deepmind_lab.Lab`."""

    def reset(self, *, seed: int) -> object:
        """Begin an episode."""
        ...

    def close(self) -> object:
        """End it, and remove its temporary files."""
        ...


@dataclass(frozen=True)
class Workshop:
    """Picklable: what every worker works with."""

    open_lab: Callable[..., Lab]
    """(level, observations, config, level_cache=...) -> Lab."""
    open_store: Callable[[], Levels]
    num_compiles: int
    """At once, of all processes that use `compiles_folder`."""
    compiles_folder: Path
    scratch: Path
    """For temporary files: a killed process leaves them behind, and whoever made this folder removes it."""

    def output_of(self, pid: int) -> Path:
        """What the worker of that process id has printed during its last job."""
        return self.scratch / f"output_{pid}.txt"


def make_levels(workshop: Workshop, connection: Connection) -> None:
    """Entry point of a worker: receive a Job, send a Made for each of its seeds, until the other end is closed.

    Sends a ValueError instead, and ends, if it finds something that a user must mend, such as a missing package.
    """
    enter_child("populate")
    _redirect_output(workshop.output_of(os.getpid()))
    os.environ["TMPDIR"] = str(workshop.scratch)  # DeepMind Lab reads it when a Lab is made
    with contextlib.suppress(EOFError, ConnectionError):
        try:
            _work(workshop, connection)
        except ValueError as error:
            connection.send(ValueError(str(error)))


def _work(workshop: Workshop, connection: Connection) -> None:
    slots = CompileSlots(workshop.num_compiles, workshop.compiles_folder)
    cache = LevelCache(workshop.open_store(), slots, notes_hits=True)
    with contextlib.closing(_Maker(workshop.open_lab, cache)) as maker:
        while True:
            job: Job = connection.recv()
            os.ftruncate(1, 0)
            for seed in job.seeds:
                connection.send(maker.make(job.level, seed))
                if connection.poll():  # no job comes during a job: the other end is closed
                    break


class _Maker:
    """Keeps a Lab open as long as its level is wanted."""

    def __init__(self, open_lab: Callable[..., Lab], cache: LevelCache) -> None:
        self._open_lab, self._cache = open_lab, cache
        self._lab: Lab | None = None
        self._level = ""

    def make(self, level: str, seed: int) -> Made:
        """Reset once.

        Raises:
            ValueError: something that a user must mend.
        """
        cache = self._cache
        cache.level, cache.seed = level, seed
        hits, stored = cache.hits, cache.stored_bytes
        try:
            self._opened(level).reset(seed=seed)
        except ValueError:
            raise
        except Exception as error:
            self.close()
            return Made(level, error=f"{type(error).__name__}: {error}")
        finally:
            cache.finished()
        return Made(level, was_cached=cache.hits > hits, stored_bytes=cache.stored_bytes - stored)

    def close(self) -> None:
        """Close the Lab, if one is open."""
        if self._lab is not None:
            lab, self._lab = self._lab, None
            lab.close()

    def _opened(self, level: str) -> Lab:
        if self._lab is None or self._level != level:
            self.close()
            self._lab = self._open_lab(level, [], _CONFIG, level_cache=self._cache)
            self._level = level
        return self._lab


def _redirect_output(path: Path) -> None:
    """The engine prints, and so does the compiler; the terminal has a progress bar."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
