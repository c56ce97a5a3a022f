"""The live display of a run on a terminal, drawn with rich. Does not know where the numbers come from."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TextIO

import rich.console
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sample_factory.system.console import LINES_EVERY_SEC, STATUS_LINE
from sample_factory.system.every import Every
from sample_factory.system.status import FPS_WINDOWS_SEC, PolicyStatus, Status, plain_lines

log = logging.getLogger(__name__)

_UNKNOWN = "-"


class LiveConsole:
    """Keeps the display at the bottom; log lines scroll above it, and the plain lines go to the log file only."""

    refresh_sec = 1.0
    owns_terminal = True

    def __init__(self, stream: TextIO | None = None, console: rich.console.Console | None = None) -> None:
        self._console = console or rich.console.Console(file=stream, highlight=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._lines_due = Every(LINES_EVERY_SEC)
        self.handler: logging.Handler = _AboveDisplay(self._console)

    def show(self, status: Status) -> None:
        """Redraw; the first call opens the display. A terminal that has gone away is ignored."""
        try:
            self._live.start()
            self._live.update(render(status), refresh=True)
        except OSError as error:
            log.debug("the terminal has gone away: %s", error)
        if self._lines_due.due():
            for line in plain_lines(status):
                log.info("%s", line, extra=STATUS_LINE)

    def close(self) -> None:
        """Leave the last state on the screen."""
        try:
            self._live.stop()
        except OSError as error:
            log.debug("the terminal has gone away: %s", error)


def render(status: Status) -> RenderableType:
    """Progress over the goal, one row of numbers per policy, and what limits the run."""
    parts: list[RenderableType] = [_progress(status), _speed(status), _policies(status.policies)]
    if status.limit:
        parts.append(Text.assemble(("Limit: ", "bold"), status.limit))
    return Group(*parts)


class _AboveDisplay(logging.Handler):
    """Prints log records above the display, except those that repeat what it shows."""

    def __init__(self, console: rich.console.Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        if getattr(record, "is_status", False):
            return
        style = "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else ""
        try:
            self._console.print(Text(self.format(record), style=style), soft_wrap=True)
        except OSError:
            self.handleError(record)


def _progress(status: Status) -> Table:
    grid = Table.grid(padding=(0, 1))
    done = min(1.0, status.total_frames / status.goal_frames) if status.goal_frames > 0 else 0.0
    grid.add_row(
        "Frames",
        ProgressBar(total=1.0, completed=done, width=30),
        f"{done * 100:.1f}%",
        f"{status.total_frames:,} of {status.goal_frames:,}",
        f"elapsed {_duration(status.elapsed_sec)}",
        f"ETA {_duration(status.eta_sec)}",
    )
    return grid


def _speed(status: Status) -> Text:
    rates = "  ".join(
        f"{_rounded(rate)} ({seconds} s)" for seconds, rate in zip(FPS_WINDOWS_SEC, status.fps, strict=True)
    )
    return Text.assemble(("FPS ", "bold"), rates)


def _policies(policies: tuple[PolicyStatus, ...]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in (
        "Policy",
        "Train step",
        "Env steps",
        "Samples/s",
        "Reward",
        "True objective",
        "Length",
        "Lag",
        "Loss",
    ):
        table.add_column(title, justify="right")
    for policy in policies:
        table.add_row(
            str(policy.policy),
            f"{policy.train_step:,}",
            f"{policy.env_steps:,}",
            _rounded(policy.samples_per_sec),
            _UNKNOWN if policy.reward is None else f"{policy.reward.mean:.3f}",
            _UNKNOWN if policy.true_objective is None else f"{policy.true_objective.mean:.3f}",
            _UNKNOWN if policy.length is None else f"{policy.length.mean:.1f}",
            _UNKNOWN if policy.lag is None else f"{policy.lag.mean:.1f} (max {policy.lag.max:.0f})",
            _UNKNOWN if policy.loss is None else f"{policy.loss:.4f}",
        )
    return table


def _rounded(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:,.0f}"


def _duration(seconds: float | None) -> str:
    return _UNKNOWN if seconds is None else str(timedelta(seconds=int(seconds)))
