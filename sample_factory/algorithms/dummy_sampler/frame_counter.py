"""Frames per second from the moment on which every worker is at work. Knows no process: it is told the counters."""

from __future__ import annotations

from collections.abc import Sequence

from sample_factory.system.rates import RateWindow

WINDOWS_SEC = (1, 10, 60, 300, 600)


class FrameCounter:
    """Counts from the first moment at which every worker has stepped: starting and resetting are not measured."""

    def __init__(self) -> None:
        self._rates = RateWindow(max(WINDOWS_SEC))
        self._started: tuple[float, int] | None = None
        self.frames = 0
        """Frames since counting began."""
        self.seconds = 0.0
        """Time since counting began."""

    @property
    def is_counting(self) -> bool:
        """Whether every worker has stepped."""
        return self._started is not None

    def update(self, now: float, frames_per_worker: Sequence[float], samples_per_worker: Sequence[float]) -> None:
        """Take the workers' counters at time `now` (seconds, never going back)."""
        total = int(sum(frames_per_worker))
        if self._started is None:
            if not all(samples_per_worker):
                return
            self._started = now, total
        start, first = self._started
        self.seconds, self.frames = now - start, total - first
        self._rates.add(now, self.frames)

    def fps(self, now: float) -> tuple[float | None, ...]:
        """Frames per second over the last `WINDOWS_SEC`, each no longer than the time since counting began."""
        return tuple(self._rates.rate(window, now) for window in WINDOWS_SEC)

    @property
    def average_fps(self) -> float:
        """Frames per second since counting began."""
        return self.frames / self.seconds if self.seconds > 0 else 0.0


def progress_line(frames: int, fps: Sequence[float | None]) -> str:
    """What is said every few seconds."""
    rates = ", ".join(
        f"{window} sec: {'nan' if rate is None else f'{rate:.1f}'}"
        for window, rate in zip(WINDOWS_SEC, fps, strict=True)
    )
    return f"Fps is ({rates}). Total num frames: {frames}"


def final_line(counter: FrameCounter) -> str:
    """What is said at the end."""
    return f"Collected {counter.frames} frames in {counter.seconds:.1f} s, avg FPS: {counter.average_fps:.1f}"
