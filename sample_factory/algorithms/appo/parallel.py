"""A run with one process per component. Knows no component's work."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from sample_factory.algorithms.appo.components import components
from sample_factory.algorithms.appo.director import Director
from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.wiring import Wiring
from sample_factory.algorithms.status import Status
from sample_factory.algorithms.supervision import run_supervised
from sample_factory.envs.registry import resolve
from sample_factory.sampling.ledger import BlockState, Ledger
from sample_factory.system.board import Field
from sample_factory.system.reports import Report
from sample_factory.system.supervisor import Supervisor
from sample_factory.system.telemetry import Telemetry

log = logging.getLogger(__name__)


def run_parallel(
    wiring: Wiring,
    telemetry: Telemetry,
    preload: Sequence[str],
    ending: Callable[[Monitor], Status | None],
    cancelled: Callable[[], bool],
    directors: Sequence[Director] = (),
) -> Status:
    """Run until `ending` has a status, or a component has used up its restarts."""
    sampling = wiring.config.sampling
    cleanup = resolve(wiring.config.run.env).cleanup or _nothing
    cleanup()  # what a run left behind that was killed as a whole
    parts, slots = components(wiring, cleanup)
    monitor = Monitor(wiring, telemetry, slots)
    supervisor = Supervisor(
        wiring.arena,
        parts,
        preload,
        sampling.stall_timeout_seconds,
        sampling.reset_timeout_seconds,
        sampling.max_restarts,
        cancelled,
    )

    def tick(pids: Mapping[str, int]) -> Status | None:
        monitor.tick(time.monotonic(), pids)
        if wiring.arena["board"][slots["learner"], Field.READY].all():
            for director in directors:
                director.tick()
        return ending(monitor)

    def close() -> None:
        cleanup()
        monitor.tick(time.monotonic())
        for director in directors:
            director.close()
        telemetry.close(time.monotonic())
        _sum_up(wiring, supervisor)

    def take(report: Report) -> None:
        monitor.take(report)
        for director in directors:
            director.take(report)

    return run_supervised(supervisor, take, tick, close)


def _nothing() -> None:
    pass


def _sum_up(wiring: Wiring, supervisor: Supervisor) -> None:
    """Log what went wrong in the run, and check that no block was lost."""
    env_failures = int(wiring.arena["board"][:, Field.ENV_FAILURES].sum())
    if env_failures:
        log.warning("Environments failed %d times and were rebuilt", env_failures)
    if supervisor.num_deaths:
        log.warning("Components ended %d times and were replaced", supervisor.num_deaths)
    ledger = Ledger(wiring.arena)
    counts = Counter(BlockState(state).name for state in ledger.states())
    log.info("%d blocks: %s", counts.total(), ", ".join(f"{state.name} {counts[state.name]}" for state in BlockState))
    # Exact only if nobody was killed while handing a block over.
    if not supervisor.num_killed_at_stop:
        try:
            ledger.check(wiring.schema.blocks_per_group)
        except AssertionError as error:
            log.error("The block ledger is inconsistent: %s", error)
