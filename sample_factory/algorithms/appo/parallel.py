"""A run with one process per component. Knows no component's work."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from sample_factory.algorithms.appo.components import components
from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.wiring import Wiring
from sample_factory.algorithms.status import Status
from sample_factory.algorithms.supervision import run_supervised
from sample_factory.envs.registry import EnvFamily
from sample_factory.system.supervisor import Supervisor
from sample_factory.system.telemetry import Telemetry


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

    def tick(pids: Mapping[str, int]) -> Status | None:
        monitor.tick(time.monotonic(), pids)
        return ending(monitor)

    def close() -> None:
        monitor.tick(time.monotonic())
        telemetry.close(time.monotonic())

    return run_supervised(supervisor, monitor.take, tick, close)
