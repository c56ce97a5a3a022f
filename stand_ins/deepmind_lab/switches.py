"""What tests can make the stand-in do: a JSON object in the environment variable `DEEPMIND_LAB_STAND_IN`.

It is read whenever a `Lab` is made, so child processes obey it too. Knows nothing about when a switch takes effect.
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import json
import os
import time
from dataclasses import dataclass, field

VARIABLE = "DEEPMIND_LAB_STAND_IN"


@dataclass(frozen=True)
class Switches:
    """How the stand-in misbehaves; by default not at all."""

    compile_seconds: float = 0.0
    """How long a map takes to compile."""
    hold_gil: bool = False
    """Whether compiling is one busy call into C that lets no other thread run, as in the real module."""
    compile_in_child: str = ""
    """A file: maps are compiled by a child process, which adds a line of JSON with its map, affinity and niceness."""
    crash_probability: float = 0.0
    """Chance that a call of `step` ends the process with status 1. Not a function of the seed: crashes never are."""
    episode_seconds: float | dict[str, float] = field(default_factory=dict)
    """Length of all episodes, or of the levels with these names."""
    step_microseconds: float = 0.0
    """What a call of `step` costs at least: busy, and no other thread runs."""
    early_end_probability: float = 0.0
    """Chance that an episode ends with a frame, drawn from the episode's seed."""


def read_switches() -> Switches:
    """The switches as the environment variable has them now; ValueError for one that does not exist."""
    values = json.loads(os.environ.get(VARIABLE) or "{}")
    known = {field.name for field in dataclasses.fields(Switches)}
    if unknown := set(values) - known:
        raise ValueError(f"{VARIABLE} has no switch {min(unknown)!r}; it has {', '.join(sorted(known))}")
    return Switches(**values)


def be_busy(seconds: float) -> None:
    """Compute for some seconds without ever letting go of the interpreter."""
    end = time.perf_counter() + seconds
    # All of this runs in C: between its calls the interpreter does not look whether another thread wants to run.
    collections.deque(itertools.takewhile(end.__gt__, iter(time.perf_counter, None)), maxlen=0)
