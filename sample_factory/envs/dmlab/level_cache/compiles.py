"""How many levels are compiled at once on this machine, and on which cores. Knows no level and no store.

Compiling takes seconds of several cores, and after a start every environment wants it at once. The places are files
in a folder of the user, locked by whoever compiles: the kernel frees the place of a process that is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import multiprocessing
import os
import stat
import tempfile
import time
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import NamedTuple

log = logging.getLogger(__name__)

# Soon again at first, then seldom: a hundred processes may wait, and each looks at every place.
_FIRST_POLL_SEC, _POLL_GROWTH, _LAST_POLL_SEC = 0.01, 1.5, 0.25
# A holder that is suspended keeps its place for ever. The limit is there for speed: after this time it is passed over.
_LONGEST_WAIT_SEC = 900.0


class CompileSlots:
    """One of `limit` places on this machine, for one thread to compile one level at a time.

    While it is held, the thread, and so the compiler that it starts, may use all cores of the run with the niceness
    of the run: a rollout worker is pinned to one core, the compiler has eight threads.
    """

    def __init__(
        self, limit: int, folder: Path | None = None, still_alive: Callable[[], object] = lambda: None
    ) -> None:
        """
        Args:
            limit: levels compiled at once by all processes that use the same folder.
            folder: None for one that all processes of this user share.
            still_alive: called several times a second while waiting for a place.

        Raises:
            ValueError: the limit is not positive.
        """
        if limit < 1:
            raise ValueError(f"{limit} levels cannot be compiled at once: the limit must be at least 1")
        self._limit, self._folder, self._still_alive = limit, folder or default_folder(), still_alive
        self._place: FileIO | None = None
        self._before: _Scheduling | None = None
        self._has_complained = False

    def enter(self) -> None:
        """Wait for a place; a second call without `leave` does nothing.

        Whatever is wrong with the folder is logged once and does not keep anybody from compiling.
        """
        if self._before is not None:
            return
        try:
            self._place = self._wait_for_place()
            self._before = _own_scheduling()
            _apply(_widest(self._before))
        except BaseException:  # a signal's as well
            self.leave()
            raise

    def leave(self) -> None:
        """Give the place back, if there is one, and be scheduled as before."""
        if self._before is not None:
            _apply(self._before)
            self._before = None
        if self._place is not None:
            self._place.close()
            self._place = None

    def _wait_for_place(self) -> FileIO | None:
        deadline, pause_sec = time.monotonic() + _LONGEST_WAIT_SEC, _FIRST_POLL_SEC
        while True:
            try:
                place = self._free_place()
            except OSError as error:
                self._complain(f"cannot use the folder {self._folder}: {error.strerror or error}")
                return None
            if place is not None:
                return place
            if time.monotonic() > deadline:
                self._complain(f"no place in {self._folder} became free in {_LONGEST_WAIT_SEC:.0f} seconds")
                return None
            self._still_alive()
            time.sleep(pause_sec)
            pause_sec = min(_LAST_POLL_SEC, pause_sec * _POLL_GROWTH)

    def _free_place(self) -> FileIO | None:
        _make_own_folder(self._folder)
        for number in range(self._limit):
            # Not inherited by the compiler. A file object closes itself, wherever a signal may strike.
            file = FileIO(self._folder / f"place_{number}", "a")
            try:
                fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
            except BaseException:
                file.close()
                raise
            else:
                return file
        return None

    def _complain(self, problem: str) -> None:
        if not self._has_complained:
            log.warning("The number of levels compiled at once is not limited: %s", problem)
            self._has_complained = True


def default_folder() -> Path:
    """The folder that all processes of this user on this machine share."""
    return Path(tempfile.gettempdir()) / f"sample_factory_compiles_{os.getuid()}"


def _make_own_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise PermissionError("it is not a folder of this user")


class _Scheduling(NamedTuple):
    """Of a thread; on Linux each has its own, and hands it on to the processes that it starts."""

    cores: frozenset[int]
    """Empty where the system has no affinity."""
    niceness: int


def _own_scheduling() -> _Scheduling:
    return _scheduling_of(0)


def _scheduling_of(pid: int) -> _Scheduling:
    cores = frozenset(os.sched_getaffinity(pid)) if hasattr(os, "sched_getaffinity") else frozenset()
    return _Scheduling(cores, os.getpriority(os.PRIO_PROCESS, pid))


def _widest(own: _Scheduling) -> _Scheduling:
    """What the process that started this one has: the user's choice for the run, which nothing has narrowed."""
    parent = multiprocessing.parent_process()
    if parent is None or parent.pid is None:
        return own
    try:
        run = _scheduling_of(parent.pid)
    except OSError:  # it has ended
        return own
    return _Scheduling(own.cores | run.cores, min(own.niceness, run.niceness))


def _apply(scheduling: _Scheduling) -> None:
    if scheduling.cores:
        with contextlib.suppress(OSError):  # not if cores have been taken away meanwhile
            os.sched_setaffinity(0, scheduling.cores)
    with contextlib.suppress(OSError):  # to be less nice needs privileges
        os.setpriority(os.PRIO_PROCESS, 0, scheduling.niceness)
