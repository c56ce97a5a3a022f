"""Lets frames pass no faster than people are to see them. Knows no window."""

from __future__ import annotations

import math
import time

_FORGIVEN_SEC = 0.1
"""Later than this, time that is lost is not made up for by a hurry."""


class Pace:
    """Waits so that at most `frames_per_sec` frames pass in a second; 0 does not wait."""

    def __init__(self, frames_per_sec: float) -> None:
        self._frame_sec = 1 / frames_per_sec if frames_per_sec else 0.0
        self._next_at = -math.inf

    def wait(self, num_frames: int = 1) -> None:
        """Return when the next frames may be shown, which come `num_frames` before the ones after them."""
        if not self._frame_sec:
            return
        now = time.monotonic()
        if now - self._next_at > _FORGIVEN_SEC:
            self._next_at = now
        time.sleep(max(0.0, self._next_at - now))
        self._next_at += num_frames * self._frame_sec
