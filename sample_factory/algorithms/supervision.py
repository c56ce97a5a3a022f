"""The loop around the components of a run. Knows no component's work, and not what ends the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from sample_factory.algorithms.status import Status
from sample_factory.system.reports import Report
from sample_factory.system.supervisor import ComponentFailedError, Supervisor

log = logging.getLogger(__name__)

_POLL_SEC = 0.1
_GRACE_SEC = 8.0  # a checkpoint on a slow disk, and still an answer to SIGTERM within ten seconds


def run_supervised(
    supervisor: Supervisor,
    take: Callable[[Report], None],
    tick: Callable[[Mapping[str, int]], Status | None],
    close: Callable[[], None],
) -> Status:
    """Run until `tick` has a status, or a component has used up its restarts.

    Args:
        take: told every report.
        tick: called several times a second with the process ids by component; a status ends the run.
        close: called once, when every component has ended and every report has been taken.
    """
    failure: ComponentFailedError | None = None
    status: Status | None = None
    try:
        supervisor.start()
        while status is None:
            for report in supervisor.poll(_POLL_SEC):
                take(report)
            status = tick(supervisor.pids())
    except ComponentFailedError as error:
        failure, status = error, Status.FAILURE
    finally:
        for report in supervisor.stop(_GRACE_SEC):
            take(report)
        close()
    if failure is not None:
        log.error("%s", failure)  # last, so that it is what stays on the screen
    assert status is not None
    return status
