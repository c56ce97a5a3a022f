"""Rates of growing counters over several windows of time. Does not know what is counted."""

from __future__ import annotations

from collections import deque

_RESOLUTION_SEC = 0.5


class RateWindow:
    """Remembers a counter for the last `longest_sec` seconds, in steps of half a second."""

    def __init__(self, longest_sec: float = 300.0) -> None:
        self._longest_sec = longest_sec
        self._samples: deque[tuple[float, float]] = deque()

    def add(self, now: float, count: float) -> None:
        """Note the value of the counter at time `now` (seconds, never going back)."""
        samples = self._samples
        if len(samples) >= 2 and samples[-1][0] - samples[-2][0] < _RESOLUTION_SEC:
            samples.pop()
        samples.append((now, count))
        # One sample older than the window stays: the window starts between it and the next.
        while len(samples) > 2 and samples[1][0] <= now - self._longest_sec:
            samples.popleft()

    def rate(self, window_sec: float, now: float) -> float | None:
        """Growth per second over the last `window_sec`, or since the first sample if that is later; None if unknown.

        Counted up to `now`, not to the last sample: a counter that stopped being reported must not look alive.
        """
        if len(self._samples) < 2:
            return None
        start_time, start_count = self._samples[0]
        for time, count in self._samples:
            if time > now - window_sec:
                break
            start_time, start_count = time, count
        elapsed = now - start_time
        return (self._samples[-1][1] - start_count) / elapsed if elapsed > 0 else None
