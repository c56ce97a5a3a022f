"""A run with one process per component. Knows no component's work."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from sample_factory.algorithms.appo.components import components
from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.wiring import Wiring
from sample_factory.algorithms.status import Status
from sample_factory.envs.registry import EnvFamily
from sample_factory.system.supervisor import ComponentFailedError, Supervisor
from sample_factory.system.telemetry import Telemetry

log = logging.getLogger(__name__)

_POLL_SEC = 0.1
_GRACE_SEC = 8.0  # a checkpoint on a slow disk, and still an answer to SIGTERM within ten seconds


def run_parallel(
    wiring: Wiring,
    telemetry: Telemetry,
    registrations: Sequence[EnvFamily],
    preload: Sequence[str],
    ending: Callable[[Monitor], Status | None],
) -> Status:
    """Run until `ending` has a status, or a component has used up its restarts."""
    sampling = wiring.config.sampling
    parts, slots = components(wiring, registrations)
    monitor = Monitor(wiring, telemetry, slots)
    supervisor = Supervisor(
        wiring.arena,
        parts,
        preload,
        sampling.stall_timeout_seconds,
        sampling.reset_timeout_seconds,
        sampling.max_restarts,
    )
    failure: ComponentFailedError | None = None
    status: Status | None = None
    try:
        supervisor.start()
        while status is None:
            for report in supervisor.poll(_POLL_SEC):
                monitor.take(report)
            monitor.tick(time.monotonic(), supervisor.pids())
            status = ending(monitor)
    except ComponentFailedError as error:
        failure, status = error, Status.FAILURE
    finally:
        for report in supervisor.stop(_GRACE_SEC):
            monitor.take(report)
        monitor.tick(time.monotonic())
        telemetry.close(time.monotonic())
    if failure is not None:
        log.error("%s", failure)  # last, so that it is what stays on the screen
    assert status is not None
    return status
