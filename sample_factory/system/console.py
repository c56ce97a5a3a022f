"""Where the state of a run appears: plain lines in a pipe, or a live display. Does not know how it is measured."""

from __future__ import annotations

import logging
import sys
from typing import Protocol, TextIO

from sample_factory.system.status import Status, plain_lines

log = logging.getLogger(__name__)

LINES_EVERY_SEC = 5.0
STATUS_LINE = {"is_status": True}
"""For `extra` of a log call: the line repeats what a live display shows, which keeps it to the log file."""


class Console(Protocol):
    """Shows the state of the run and carries the log lines of the supervisor."""

    refresh_sec: float
    """How often it wants a new state."""
    handler: logging.Handler
    """Prints log records where they do not disturb the state; to be given to `configure_supervisor_logging`."""
    owns_terminal: bool
    """Nobody else may write to the terminal: workers keep their warnings to the log file."""

    def show(self, status: Status) -> None:
        """Show a new state."""
        ...

    def close(self) -> None:
        """Leave the terminal as it was found, with the last state visible."""
        ...


class PlainConsole:
    """Logs the state as lines."""

    refresh_sec = LINES_EVERY_SEC
    owns_terminal = False

    def __init__(self, stream: TextIO | None = None) -> None:
        self.handler: logging.Handler = logging.StreamHandler(stream or sys.stdout)

    def show(self, status: Status) -> None:
        """Log the state, to the console and to the log file."""
        for line in plain_lines(status):
            log.info("%s", line, extra=STATUS_LINE)

    def close(self) -> None:
        """Nothing to restore."""
