"""How far the cache is, on a terminal or as lines. Knows nothing of what fills it."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple, TextIO

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

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
        self._live = Live(console=self._console, auto_refresh=False) if is_terminal else None
        self._rates = RateWindow(_RATE_SEC)
        self._line_due = clock()

    def show(self, state: State) -> None:
        """Show a new state."""
        now = self._clock()
        self._rates.add(now, state.num_ready)
        text = describe(state, self._rates.rate(_RATE_SEC, now))
        if self._live is not None:
            self._live.start()
            self._live.update(_with_bar(state, text), refresh=True)
        elif now >= self._line_due:
            self._line_due = now + _LINES_EVERY_SEC
            self.say(text)

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        self._console.print(line, soft_wrap=True, markup=False)

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.stop()


def describe(state: State, levels_per_sec: float | None) -> str:
    """The state in a line.

    Args:
        levels_per_sec: None if it is not known yet.
    """
    speed = "-" if levels_per_sec is None else f"{levels_per_sec:.2f}"
    left = "-"
    if levels_per_sec:
        left = _duration((state.num_wanted - state.num_ready) / levels_per_sec)
    return (
        f"{state.num_ready:,} of {state.num_wanted:,} levels, {speed} levels/s, ETA {left}, "
        f"{state.stored_bytes / 1e9:.2f} GB stored, {state.free_bytes / 1e9:.1f} GB free"
    )


def _duration(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86_400)
    return f"{days} d {rest // 3600} h" if days else str(timedelta(seconds=rest))


def _with_bar(state: State, text: str) -> Table:
    grid = Table.grid()
    grid.add_row(ProgressBar(total=max(1, state.num_wanted), completed=state.num_ready, width=60))
    grid.add_row(Text(text))
    return grid
