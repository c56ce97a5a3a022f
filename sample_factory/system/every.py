"""Doing something at most once per interval. Does not know what is done."""

from __future__ import annotations

import time
from collections.abc import Callable


class Every:
    """Says when a turn is due: one interval after its creation, then one interval after each turn taken."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """An interval of 0 seconds or less is never due."""
        self.seconds = seconds
        self._clock = clock
        self._last = clock()

    def due(self) -> bool:
        """True at most once per interval; taking the turn starts the next interval."""
        now = self._clock()
        if self.seconds <= 0 or now - self._last < self.seconds:
            return False
        self._last = now
        return True
