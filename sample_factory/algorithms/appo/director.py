"""What the main process may decide while a run goes on: who directs. Knows neither populations nor matches."""

from __future__ import annotations

from typing import Protocol

from sample_factory.system.reports import Report


class Director(Protocol):
    """Listens to reports and writes to shared memory what others follow."""

    def take(self, report: Report) -> None:
        """Hear one report."""
        ...

    def tick(self) -> None:
        """Do what is due; called often, once every learner is ready."""
        ...

    def close(self) -> None:
        """Leave everything such that the run can be resumed."""
        ...
