"""Hands levels from the cache to DeepMind Lab and back. Knows neither the environment nor how levels are kept.

DeepMind Lab calls `fetch` and `write` in the middle of a reset, and in language levels of a step. What it is told
must be true: given a wrong file it plays another level or ends the process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path
from typing import Protocol

from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots

log = logging.getLogger(__name__)


class Levels(Protocol):
    """What is asked of a store."""

    def read(self, key: str) -> bytes | None:
        """The level, checked; None if there is none."""
        ...

    def write(self, key: str, payload: bytes, level: str, seed: int) -> bool:
        """Keep a level, and that it is the one of this seed; says whether it is kept now."""
        ...


class LevelCache:
    """The `level_cache` of one `deepmind_lab.Lab`; no method raises.

    `Lab` cannot be found by the garbage collector, so nothing in here may lead back to it.
    """

    def __init__(self, store: Levels | None, slots: CompileSlots, *, notes_hits: bool = False) -> None:
        """
        Args:
            store: None keeps nothing.
            slots: where each compilation waits for its turn.
            notes_hits: tell the store the seed of a level that it has: for those who only try seeds that it has not.
        """
        self.level = ""
        """Path of the level that is being played; whoever resets says so before each reset, as with the seed."""
        self.seed = 0
        self.hits = 0
        """Levels that came from the store."""
        self.misses = 0
        """Levels that had to be compiled."""
        self.failures = 0
        """Levels that could not be fetched, compiled or stored because something failed."""
        self.compile_seconds = 0.0
        """Time that compilations took, without the wait for their turn."""
        self.stored_bytes = 0
        """Size of all levels that the store has taken."""
        self._store, self._slots, self._notes_hits = store, slots, notes_hits
        self._compiling_since: float | None = None
        self._has_complained = False

    def fetch(self, key: str, pk3_path: str) -> bool:
        """Put the level where DeepMind Lab will look for it; True if and only if it is there.

        After False a compilation begins, and this returns when it may: it ends with `write` or with `finished`.
        """
        self.finished()
        try:
            if self._place(key, Path(pk3_path)):
                self.hits += 1
                return True
        except Exception as error:
            self._complain(f"the level {key} could not be taken from the cache and is compiled", error)
        self.misses += 1
        try:
            self._slots.enter()
        except Exception as error:
            self._complain(f"the level {key} is compiled without waiting for its turn", error)
        self._compiling_since = time.monotonic()
        return False

    def write(self, key: str, pk3_path: str) -> None:
        """Take the level that has been compiled."""
        self._end_compilation()
        if self._store is None:
            return
        try:
            payload = Path(pk3_path).read_bytes()
            if self._store.write(key, payload, self.level, self.seed):
                self.stored_bytes += len(payload)
        except Exception as error:
            self._complain(f"the level {key} could not be stored", error)

    # hot path
    def finished(self) -> None:
        """To be called after every reset and step: a compilation that is still under way has failed."""
        if self._compiling_since is not None:
            self.failures += 1
            self._end_compilation()

    def _place(self, key: str, path: Path) -> bool:
        payload = None if self._store is None else self._store.read(key)
        if self._store is None or payload is None:
            return False
        # Beside its place, for a rename; DeepMind Lab loads whatever ends in .pk3.
        partial = path.with_name(f"{path.name}.partial")
        try:
            partial.write_bytes(payload)
            os.replace(partial, path)
        except BaseException:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise
        if self._notes_hits:
            self._store.write(key, payload, self.level, self.seed)
        return True

    def _end_compilation(self) -> None:
        if self._compiling_since is not None:
            self.compile_seconds += time.monotonic() - self._compiling_since
            self._compiling_since = None
        self._slots.leave()

    def _complain(self, what: str, error: Exception) -> None:
        """Once is enough: what fails for one level, a full disk, fails for all."""
        self.failures += 1
        if not self._has_complained:
            log.warning("Level cache: %s (said once): %s: %s", what, type(error).__name__, error)
            self._has_complained = True
