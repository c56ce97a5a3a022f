"""Starts components, notices when one dies or hangs, replaces it, and ends them all. Knows no component's work."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, cast

from sample_factory.system.arena import Arena
from sample_factory.system.board import Board, Field
from sample_factory.system.doorbell import Bell, Doorbell
from sample_factory.system.process import (
    NotStartedError,
    ProcessSettings,
    dump_stack,
    is_suspended,
    kill_tree,
    prepare_start_method,
    start_child,
)
from sample_factory.system.reports import Report, ReportReader, report_pipe

log = logging.getLogger(__name__)

_STACK_DUMP_SEC = 1.0
_RETRY_SEC = 1.0
_PAUSE_SEC = 5.0  # between two polls: longer means that this process was not running
_LAST_JOIN_SEC = 2.0  # for a killed process; one in an uninterruptible system call may take for ever


class ComponentFailedError(RuntimeError):
    """A component failed more often than its budget allows; the text starts with the first error."""


@dataclass
class Component:
    """One process of the run and how to start it again."""

    name: str
    slot: int
    """Its line on the board."""
    target: Callable[..., None]
    """Called in the child as target(*args, reports)."""
    args: tuple[Any, ...]
    settings: ProcessSettings
    bell: Bell
    """Wakes it, so that it sees the stop flag."""
    reclaim: Callable[[], None] = lambda: None
    """Called in the supervisor after a death and before the replacement starts."""
    progress_before_error: int = 1
    """Progress that clears the record of a component that ends with an error; a killed one needs only some."""
    doorbell: Doorbell | None = None
    """What the bell rings, if the supervisor is to close it at the end."""
    process: BaseProcess | None = None
    reader: ReportReader | None = None
    deaths_without_progress: int = 0
    progress_at_start: float = -1.0
    first_error: str = ""
    last_error: str = ""
    hang_since: float = 0.0
    retry_at: float = 0.0


@dataclass
class Supervisor:
    """Keeps every component alive until told to stop."""

    arena: Arena
    components: Sequence[Component]
    preload: Sequence[str]
    stall_timeout_sec: float
    start_timeout_sec: float
    max_restarts: int
    """Deaths of one component without any progress in between before the run fails."""
    cancelled: Callable[[], bool] = lambda: False
    """Whether the run is to end, so that starting something need not be waited for."""
    num_deaths: int = 0
    num_killed_at_stop: int = 0
    _board: Board = field(init=False)

    def __post_init__(self) -> None:
        self._board = Board(self.arena)
        self._context = prepare_start_method(self.preload)
        self._shown_errors: set[str] = set()
        self._last_poll = self._running_since = time.monotonic()
        self._progress, self._progress_at = -1.0, time.monotonic()

    def start(self) -> None:
        """Start everything.

        Raises:
            ComponentFailedError: the system cannot start so many processes.
        """
        for component in self.components:
            if not self.cancelled():
                self._start(component)

    def poll(self, timeout_sec: float) -> list[Report]:
        """Wait for reports, deaths or the time; replaces what died or hangs.

        Raises:
            ComponentFailedError: a component's budget is used up.
        """
        waiting: list[Any] = [c.process.sentinel for c in self.components if c.process]
        waiting += [c.reader for c in self.components if c.reader and not c.reader.at_end]
        connection.wait(waiting, timeout_sec)
        reports = [report for component in self.components for report in self._read(component)]
        self._notice_pause()
        for component in self.components:
            if component.process is None:
                if time.monotonic() >= component.retry_at:
                    self._start(component)
            elif component.process.exitcode is not None:
                self._replace(component, reports)
            else:
                self._watch(component)
        self._watch_progress()
        self._last_poll = time.monotonic()
        return reports

    def stop(self, grace_sec: float) -> list[Report]:
        """Ask everybody to end, kill what has not ended after `grace_sec`; returns the last reports. Never raises."""
        self._board.stop()
        deadline = time.monotonic() + grace_sec
        reports: list[Report] = []
        alive = [component for component in self.components if component.process is not None]
        while alive and time.monotonic() < deadline:
            for component in alive:
                component.bell.ring()
            connection.wait([self._process(component).sentinel for component in alive], 0.05)
            reports += [report for component in alive for report in self._read_quietly(component)]
            alive = [component for component in alive if self._process(component).exitcode is None]
        for component in alive:
            log.warning("%s did not end in %.0f seconds and is killed", component.name, grace_sec)
            kill_tree(cast(int, self._process(component).pid))
        self.num_killed_at_stop = len(alive)
        for component in self.components:
            reports += self._close(component)
            if component.doorbell is not None:
                component.doorbell.close()
                component.doorbell = None
        return reports

    def _start(self, component: Component) -> None:
        row = self._board.rows[component.slot]
        component.progress_at_start = row[Field.PROGRESS]
        row[Field.READY] = 0
        component.hang_since = 0.0
        try:
            component.reader, writer = report_pipe(component.name)
        except OSError as error:
            self._count_death(component, f"{component.name} could not be started: {error}")
            return
        try:
            component.process = start_child(
                self._context,
                component.name,
                component.target,
                component.args,
                component.settings,
                writer,
                self.start_timeout_sec,
                self.cancelled,
            )
        except NotStartedError as error:
            component.reader.close()
            component.reader = None
            self._count_death(component, str(error))
        finally:
            writer.close()
        # Not before: the start of the first child includes the imports of the process that it is started from.
        row[Field.HEARTBEAT] = time.monotonic()

    def _read(self, component: Component) -> list[Report]:
        reports = component.reader.read() if component.reader else []
        for report in reports:
            if report.kind == "failure":
                component.last_error = report.data["traceback"]
                self._show(component, report)
            elif report.kind == "fatal":
                raise ComponentFailedError(
                    f"{report.data['traceback']}\n{component.name} failed: {report.data['error']}"
                )
        return reports

    def _read_quietly(self, component: Component) -> list[Report]:
        try:
            return self._read(component)
        except ComponentFailedError as error:
            log.error("while ending: %s", error)
            return []

    def _show(self, component: Component, report: Report) -> None:
        """Log a failure, with its traceback only the first time: a broken environment must not flood the log."""
        trace = report.data["traceback"]
        known = trace in self._shown_errors
        self._shown_errors.add(trace)
        log.error("%s failed: %s%s", component.name, report.data["error"], "" if known else f"\n{trace}")

    def _replace(self, component: Component, reports: list[Report]) -> None:
        exitcode = self._process(component).exitcode
        reports += self._read(component)
        self._close(component)
        self.num_deaths += 1
        error, component.last_error = component.last_error, ""
        progress = self._board.rows[component.slot, Field.PROGRESS] - component.progress_at_start
        if progress >= (component.progress_before_error if error else 1):
            component.deaths_without_progress = 0
            component.first_error = ""
        self._count_death(component, error or f"{component.name} ended with exit code {exitcode}")
        component.reclaim()
        if component.deaths_without_progress > 1:
            return  # not at once: what kills it may need a moment to pass
        self._start(component)

    def _count_death(self, component: Component, error: str) -> None:
        component.deaths_without_progress += 1
        component.first_error = component.first_error or error
        component.retry_at = time.monotonic() + _RETRY_SEC
        last_line = error.strip().splitlines()[-1]
        if component.deaths_without_progress > self.max_restarts:
            raise ComponentFailedError(
                f"{component.first_error}\n"
                f"{component.name} failed {component.deaths_without_progress} times without progress"
            )
        log.warning(
            "%s; it is replaced", last_line if component.name in last_line else f"{component.name}: {last_line}"
        )

    def _notice_pause(self) -> None:
        """After this process was suspended, perhaps with all others, nobody's silence counts."""
        now = time.monotonic()
        if now - self._last_poll > _PAUSE_SEC:
            self._running_since = now

    def _watch(self, component: Component) -> None:
        row = self._board.rows[component.slot]
        # Environments are reset after all else is ready: only progress shows that a component has started.
        has_started = row[Field.PROGRESS] > component.progress_at_start
        limit = self.stall_timeout_sec if has_started else self.start_timeout_sec
        silent_sec = time.monotonic() - max(row[Field.HEARTBEAT], self._running_since)
        pid = cast(int, self._process(component).pid)
        if silent_sec < limit:
            component.hang_since = 0.0
        elif not component.hang_since:
            component.hang_since = time.monotonic()
            self._ask_for_stack(component, pid, f"{component.name} has been silent for {silent_sec:.0f} seconds")
        elif time.monotonic() - component.hang_since > _STACK_DUMP_SEC:
            kill_tree(pid)

    def _ask_for_stack(self, component: Component, pid: int, reason: str) -> None:
        if is_suspended(pid):
            log.error("%s; it is suspended (SIGSTOP), so it cannot show its stack, and is killed", reason)
            return
        log.error("%s; its stack follows in the log file, then it is killed", reason)
        log.info("Stack of %s, process %d:", component.name, pid)
        dump_stack(pid)

    def _watch_progress(self) -> None:
        """When everybody is alive but nothing moves, somebody waits for what will never come: start all afresh."""
        now = time.monotonic()
        rows = self._board.rows[[component.slot for component in self.components]]
        progress = float(rows[:, [Field.PROGRESS, Field.RESETS]].sum())
        if progress != self._progress or self._running_since > self._progress_at:
            self._progress, self._progress_at = progress, now
        elif now - self._progress_at > self.stall_timeout_sec + 2 * self.start_timeout_sec:
            log.error("Nothing has moved for %.0f seconds; every component is replaced", now - self._progress_at)
            self._progress_at = now
            for component in self.components:
                if component.process and component.process.pid:
                    dump_stack(component.process.pid)
            time.sleep(_STACK_DUMP_SEC)
            for component in self.components:
                if component.process and component.process.pid:
                    kill_tree(component.process.pid)

    def _close(self, component: Component) -> list[Report]:
        process = component.process
        if process is None:
            return []
        process.join(_LAST_JOIN_SEC)
        reports = self._read_quietly(component)
        if component.reader:
            component.reader.close()
        if process.exitcode is None:
            log.warning("%s cannot be ended: it is inside the operating system", component.name)
        else:
            process.close()
        component.process, component.reader = None, None
        return reports

    @staticmethod
    def _process(component: Component) -> BaseProcess:
        assert component.process is not None, f"{component.name} was not started"
        return component.process

    def pids(self) -> dict[str, int]:
        """Process ids of the living components by name."""
        return {
            component.name: component.process.pid
            for component in self.components
            if component.process and component.process.pid
        }
