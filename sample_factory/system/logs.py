"""Log lines of all processes: one file for the experiment, and the terminal. Does not know who logs what.

Every process appends whole lines to the same `sf_log.txt`. Only the supervisor owns the terminal; workers write
warnings and errors to the error stream as well, unless the supervisor draws a live display there.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

LOG_FILE_NAME = "sf_log.txt"
_LINE_FORMAT = "[%(asctime)s][%(process)05d] %(message)s"


class AppendHandler(logging.Handler):
    """Appends a record with a single write, so that lines of many processes never mix. A full disk loses lines."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor: int | None = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record; never raises."""
        try:
            if self._descriptor is not None:
                os.write(self._descriptor, f"{self.format(record)}\n".encode("utf-8", "backslashreplace"))
        except OSError:  # nowhere left to report it: the terminal still shows the line
            pass

    def close(self) -> None:
        """Close the file; later records are dropped."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        super().close()


class LineFormatter(logging.Formatter):
    """`[time][pid] message`, with the level in front of the message from warnings upwards."""

    def __init__(self) -> None:
        super().__init__(_LINE_FORMAT)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Fill in the line."""
        if record.levelno >= logging.WARNING:
            record.message = f"{record.levelname}: {record.message}"
        return super().formatMessage(record)


def configure_supervisor_logging(experiment_dir: Path | None, console: logging.Handler) -> None:
    """Send log records of this process to the terminal and, if a folder is given, to its `sf_log.txt`."""
    handlers = [console]
    if experiment_dir is not None:
        handlers.append(AppendHandler(experiment_dir / LOG_FILE_NAME))
    _install(handlers)


def configure_worker_logging(experiment_dir: Path | None, to_stderr: bool) -> None:
    """Send log records of this process to `sf_log.txt` and, if `to_stderr`, warnings and errors to the error stream."""
    handlers: list[logging.Handler] = []
    if experiment_dir is not None:
        handlers.append(AppendHandler(experiment_dir / LOG_FILE_NAME))
    if to_stderr or not handlers:
        handlers.append(logging.StreamHandler(sys.stderr))
        handlers[-1].setLevel(logging.WARNING)
    _install(handlers)


def reset_logging() -> None:
    """Close and remove what the functions above installed."""
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler.formatter, LineFormatter)]:
        root.removeHandler(handler)
        handler.close()
    logging.captureWarnings(False)


def _install(handlers: list[logging.Handler]) -> None:
    reset_logging()
    root = logging.getLogger()
    root.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(LineFormatter())
        root.addHandler(handler)
    # Python warnings would otherwise be printed over a live display, and be missing in the file.
    logging.captureWarnings(True)
