"""How far the cache is, on a terminal or as lines. Knows nothing of what fills it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from sample_factory.system.rates import RateWindow

_LINES_EVERY_SEC = 10.0
_RATE_SEC = 300.0


class State(NamedTuple):
    """What is shown."""

    num_ready: int
    num_wanted: int
    stored_bytes: int
    """By this process."""
    free_bytes: int
    """Left on the disk."""


class Display:
    """A progress bar on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        stream = stream or sys.stdout
        self._console, self._clock = Console(file=stream, highlight=False), clock
        is_terminal = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._bar = _Bar(self._console) if is_terminal else None
        self._rates = RateWindow(_RATE_SEC)
        self._line_due = clock()

    def show(self, state: State) -> None:
        """Show a new state."""
        now = self._clock()
        self._rates.add(now, state.num_ready)
        text = describe(state, self._rates.rate(_RATE_SEC, now))
        if self._bar is not None:
            self._bar.show(state, text)
        elif now >= self._line_due:
            self._line_due = now + _LINES_EVERY_SEC
            self.say(text)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, soft_wrap=True, markup=False)

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._bar is not None:
            self._bar.close()


def describe(state: State, levels_per_sec: float | None) -> str:
    """The state in a line.

    Args:
        levels_per_sec: None if it is not known yet.
    """
    speed = "-" if levels_per_sec is None else f"{levels_per_sec:.2f}"
    left = "-"
    if levels_per_sec:
        left = str(timedelta(seconds=int((state.num_wanted - state.num_ready) / levels_per_sec)))
    return (
        f"{state.num_ready:,} of {state.num_wanted:,} levels, {speed} levels/s, ETA {left}, "
        f"{state.stored_bytes / 1e9:.2f} GB stored, {state.free_bytes / 1e9:.1f} GB free"
    )


class _Bar:
    def __init__(self, console: Console) -> None:
        columns = BarColumn(bar_width=20), TextColumn("{task.description}")
        self._progress = Progress(*columns, console=console, auto_refresh=False)
        self._task: TaskID = self._progress.add_task("", total=1.0)
        self._progress.start()

    def show(self, state: State, text: str) -> None:
        total = max(1, state.num_wanted)
        self._progress.update(self._task, total=total, completed=state.num_ready, description=text, refresh=True)

    def close(self) -> None:
        self._progress.stop()
