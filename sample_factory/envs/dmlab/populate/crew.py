"""Keeps workers busy, and replaces those that die. Does not know what they make, or how much of it is wanted."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from sample_factory.envs.dmlab.populate.plan import Job, Lost, Made
from sample_factory.envs.dmlab.populate.worker import Workshop, make_levels
from sample_factory.system.process import NotStartedError, kill_tree, prepare_start_method, start_within

_PRELOAD = ("numpy", "sample_factory.envs.dmlab.populate.worker")
_START_SEC = 60.0
_STUCK_SEC = 1800.0
"""A level takes seconds, or a minute if another run compiles as well."""
_END_SEC = 5.0
_LAST_JOIN_SEC = 2.0


@dataclass
class _Worker:
    process: BaseProcess
    channel: connection.Connection
    job: Job | None = None
    num_made: int = 0
    silent_since: float = 0.0

    @property
    def num_left(self) -> int:
        return 0 if self.job is None else len(self.job.seeds) - self.num_made


class Crew:
    """Up to `size` processes, started when there is work for them."""

    def __init__(self, workshop: Workshop, size: int, cancelled: Callable[[], bool] = lambda: False) -> None:
        self._workshop, self._size, self._cancelled = workshop, size, cancelled
        self._context = prepare_start_method(_PRELOAD)
        self._workers: list[_Worker] = []

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way."""
        return any(worker.job is not None for worker in self._workers)

    def give_work(self, next_job: Callable[[], Job | None]) -> None:
        """Ask for a job for everybody who has none.

        Raises:
            NotStartedError: the system cannot start another process, or `cancelled` has become true.
        """
        for number in range(self._size):
            if number < len(self._workers) and self._workers[number].job is not None:
                continue
            job = next_job()
            if job is None:
                return
            if number == len(self._workers):
                self._workers.append(self._start())
            self._give(self._workers[number], job)

    def wait(self, timeout_sec: float) -> list[Made | Lost]:
        """What happens until something has, or the time is over.

        Raises:
            ValueError: a worker has found something that the user must mend.
        """
        waiting = [worker.channel for worker in self._workers]
        if waiting:
            connection.wait(waiting, timeout_sec)
        else:
            time.sleep(timeout_sec)
        events: list[Made | Lost] = []
        for worker in list(self._workers):
            is_alive = self._receive(worker, events)
            if not is_alive:
                self._workers.remove(worker)
                events += self._bury(worker)
            elif worker.job is not None and time.monotonic() - worker.silent_since > _STUCK_SEC:
                assert worker.process.pid is not None
                kill_tree(worker.process.pid)  # the next call finds it dead
        return events

    def close(self) -> None:
        """End all workers: within seconds, whatever they do."""
        for worker in self._workers:
            worker.channel.close()
        deadline = time.monotonic() + _END_SEC
        for worker in self._workers:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            if worker.process.exitcode is None and worker.process.pid is not None:
                kill_tree(worker.process.pid)
        for worker in self._workers:
            _close(worker.process)
        self._workers.clear()

    def _start(self) -> _Worker:
        here, there = self._context.Pipe()
        process = self._context.Process(
            target=make_levels, args=(self._workshop, there), name="populate worker", daemon=True
        )
        try:
            start_within(process, _START_SEC, self._cancelled)
        except NotStartedError:
            here.close()
            raise
        finally:
            there.close()
        return _Worker(process, here)

    def _give(self, worker: _Worker, job: Job) -> None:
        worker.job, worker.num_made, worker.silent_since = job, 0, time.monotonic()
        with contextlib.suppress(ConnectionError):  # it is dead, as the next wait will find
            worker.channel.send(job)

    def _receive(self, worker: _Worker, events: list[Made | Lost]) -> bool:
        """Append what it has made; says whether it is alive."""
        try:
            while worker.channel.poll():
                message = worker.channel.recv()
                if isinstance(message, ValueError):
                    raise message
                events.append(message)
                worker.num_made, worker.silent_since = worker.num_made + 1, time.monotonic()
        except (EOFError, ConnectionError):
            return False
        if worker.num_left == 0:
            worker.job = None
        return True

    def _bury(self, worker: _Worker) -> list[Made | Lost]:
        worker.channel.close()
        worker.process.join(_LAST_JOIN_SEC)
        output = self._workshop.output_of(worker.process.pid or 0)
        words = _last_line(output)
        cause = f"its process ended with {_ending(worker.process.exitcode)}{f': {words}' if words else ''}"
        _close(worker.process)
        with contextlib.suppress(OSError):
            output.unlink()
        return [] if worker.job is None else [Lost(worker.job.level, worker.num_left, cause)]


def _last_line(path: Path) -> str:
    try:
        lines = path.read_text(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _ending(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return signal.Signals(-exitcode).name
    return f"exit code {exitcode}"


def _close(process: BaseProcess) -> None:
    process.join(_LAST_JOIN_SEC)
    if process.exitcode is not None:
        process.close()
