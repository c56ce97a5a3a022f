"""Starts components, notices when one dies or hangs, replaces it, and ends them all. Knows no component's work."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing import connection, forkserver, resource_tracker
from multiprocessing.process import BaseProcess
from typing import Any, cast

from sample_factory.system.arena import Arena
from sample_factory.system.board import Board, Field
from sample_factory.system.doorbell import Bell
from sample_factory.system.process import ProcessSettings, dump_stack, prepare_start_method, start_child
from sample_factory.system.reports import Report, ReportReader, report_pipe

log = logging.getLogger(__name__)

_STACK_DUMP_SEC = 1.0


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
    process: BaseProcess | None = None
    reader: ReportReader | None = None
    deaths_without_progress: int = 0
    progress_at_start: float = -1.0
    first_error: str = ""
    hang_since: float = 0.0


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
    num_deaths: int = 0
    _board: Board = field(init=False)

    def __post_init__(self) -> None:
        self._board = Board(self.arena)
        self._context = prepare_start_method(self.preload)

    def start(self) -> None:
        """Start everything."""
        for component in self.components:
            self._start(component)

    def poll(self, timeout_sec: float) -> list[Report]:
        """Wait for reports, deaths or the time; replaces what died or hangs.

        Raises:
            ComponentFailedError: a component's budget is used up.
        """
        waiting: list[Any] = [self._process(component).sentinel for component in self.components]
        waiting += [component.reader for component in self.components]
        connection.wait(waiting, timeout_sec)
        reports = [report for component in self.components for report in self._read(component)]
        for component in self.components:
            if self._process(component).exitcode is not None:
                self._replace(component, reports)
            else:
                self._watch(component)
        return reports

    def stop(self, grace_sec: float) -> list[Report]:
        """Ask everybody to end, kill what has not ended after `grace_sec`; returns the last reports."""
        self._board.stop()
        deadline = time.monotonic() + grace_sec
        reports: list[Report] = []
        alive = [component for component in self.components if component.process is not None]
        while alive and time.monotonic() < deadline:
            for component in alive:
                component.bell.ring()
            connection.wait([self._process(component).sentinel for component in alive], 0.05)
            reports += [report for component in alive for report in self._read(component)]
            alive = [component for component in alive if self._process(component).exitcode is None]
        for component in alive:
            log.warning("%s did not end in %.0f seconds and is killed", component.name, grace_sec)
            self._process(component).kill()
        for component in self.components:
            reports += self._close(component)
        return reports

    def _start(self, component: Component) -> None:
        component.reader, writer = report_pipe(component.name)
        row = self._board.rows[component.slot]
        component.progress_at_start = row[Field.PROGRESS]
        row[Field.READY] = 0
        row[Field.HEARTBEAT] = time.monotonic()
        component.hang_since = 0.0
        component.process = start_child(
            self._context, component.name, component.target, component.args, component.settings, writer
        )
        writer.close()

    def _read(self, component: Component) -> list[Report]:
        reports = component.reader.read() if component.reader else []
        for report in reports:
            if report.kind == "failure":
                component.first_error = component.first_error or report.data["traceback"]
                log.error("%s failed: %s\n%s", component.name, report.data["error"], report.data["traceback"])
            elif report.kind == "fatal":
                raise ComponentFailedError(
                    f"{report.data['traceback']}\n{component.name} failed: {report.data['error']}"
                )
        return reports

    def _replace(self, component: Component, reports: list[Report]) -> None:
        exitcode = self._process(component).exitcode
        reports += self._close(component)
        self.num_deaths += 1
        if self._board.rows[component.slot, Field.PROGRESS] > component.progress_at_start:
            component.deaths_without_progress = 0
            component.first_error = ""
        component.deaths_without_progress += 1
        if component.deaths_without_progress > self.max_restarts:
            raise ComponentFailedError(
                (component.first_error or f"{component.name} ended with exit code {exitcode}")
                + f"\n{component.name} failed {component.deaths_without_progress} times without progress"
            )
        log.warning("%s ended with exit code %s; it is replaced", component.name, exitcode)
        component.reclaim()
        self._start(component)

    def _watch(self, component: Component) -> None:
        row = self._board.rows[component.slot]
        limit = self.stall_timeout_sec if row[Field.READY] else self.start_timeout_sec
        silent_sec = time.monotonic() - row[Field.HEARTBEAT]
        if silent_sec < limit:
            component.hang_since = 0.0
        elif not component.hang_since:
            log.error(
                "%s has been silent for %.0f seconds; its stack follows in the log, then it is killed",
                component.name,
                silent_sec,
            )
            dump_stack(cast(int, self._process(component).pid))
            component.hang_since = time.monotonic()
        elif time.monotonic() - component.hang_since > _STACK_DUMP_SEC:
            self._process(component).kill()

    def _close(self, component: Component) -> list[Report]:
        process = component.process
        if process is None:
            return []
        process.join()
        reports = self._read(component)
        if component.reader:
            component.reader.close()
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


def end_start_server() -> None:
    """End the server that children are started from, so that nothing outlives the run inside a longer-lived process."""
    forkserver._forkserver._stop()  # type: ignore[attr-defined]
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]
