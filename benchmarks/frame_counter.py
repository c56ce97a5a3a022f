"""Frames per second from the frame counters that training systems print. Knows nothing about processes.

A printed average says nothing about the time it covers, so only two things are used: the counter in a line, and the
moment the line arrived.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_COUNTER = re.compile(r"Total num frames:\s*(\d[\d,_]*)")
_TERMINAL_CODE = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Reading(NamedTuple):
    """One printed counter."""

    time_sec: float  # when the line arrived, any monotonic clock
    frames: int  # frames since the start of the run


class Window(NamedTuple):
    """The part of a run that counts."""

    begin: Reading
    end: Reading

    @property
    def seconds(self) -> float:
        """Length of the window."""
        return self.end.time_sec - self.begin.time_sec

    @property
    def frames(self) -> int:
        """Frames within the window."""
        return self.end.frames - self.begin.frames

    @property
    def fps(self) -> float:
        """Frames per second over the window."""
        return self.frames / self.seconds


def parse_frames(line: str) -> int | None:
    """The frame counter in a line of output, None if the line has none."""
    found = _COUNTER.search(_TERMINAL_CODE.sub("", line))
    return int(re.sub(r"[,_]", "", found[1])) if found else None


def counted_window(readings: Sequence[Reading], warmup_sec: float) -> Window | None:
    """The window from the end of the warm-up to the last reading, None while there is no such window.

    The warm-up lasts `warmup_sec` from the first reading that shows training (a counter above zero): how long a system
    takes to start is no part of its speed.
    """
    training = [reading for reading in readings if reading.frames > 0]
    if not training:
        return None
    counted = [reading for reading in training if reading.time_sec >= training[0].time_sec + warmup_sec]
    if len(counted) < 2:
        return None
    window = Window(counted[0], counted[-1])
    if window.frames < 0:
        raise ValueError(f"the frame counter went back from {window.begin.frames} to {window.end.frames}")
    return window
