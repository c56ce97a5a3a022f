"""The notice board: per-component counters in shared memory and the stop flag.

Knows components only by their slot number.
"""

from __future__ import annotations

import time
from enum import IntEnum

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec


class Field(IntEnum):
    """What each component counts; seconds are since it was first started."""

    HEARTBEAT = 0  # time.monotonic() of its last sign of life
    PROGRESS = 1  # steps, requests or updates done: what "makes progress" means
    FRAMES = 2  # simulator frames sampled
    ENV_SEC = 3
    INFERENCE_SEC = 4
    WAIT_POLICY_SEC = 5
    WAIT_LEARNER_SEC = 6
    WAIT_EXPERIENCE_SEC = 7
    BATCHING_SEC = 8
    TRAINING_SEC = 9
    WAIT_REQUESTS_SEC = 10
    REQUESTS = 11
    ENV_FAILURES = 12
    READY = 13  # 1 once started up
    RESETS = 14  # environments made or reset before the first step: moving, if not yet progress


def board_specs(num_components: int) -> dict[str, ArraySpec]:
    """Arrays that a board needs in the arena."""
    return {"board": ArraySpec((num_components, 16), np.float64), "stop": ArraySpec((1,), np.int64)}


class Slot:
    """One component's line on the board; written by that component only."""

    def __init__(self, arena: Arena, index: int) -> None:
        self.row = arena["board"][index]
        # Adding to a number in it takes half as long as in an array.
        self._cells = memoryview(self.row).cast("B").cast("d")
        self._stop = arena["stop"]

    # hot path
    def beat(self) -> None:
        """Say that this component is alive."""
        self._cells[Field.HEARTBEAT] = time.monotonic()

    # hot path
    def add(self, field: Field, amount: float) -> None:
        """Count up."""
        self._cells[field] += amount

    @property
    def stopping(self) -> bool:
        """Whether the run is ending."""
        return bool(self._stop[0])


class Board:
    """The supervisor's view of every component."""

    def __init__(self, arena: Arena) -> None:
        self.rows = arena["board"]
        self._stop = arena["stop"]

    def total(self, field: Field, slots: slice | list[int] = slice(None)) -> float:
        """Sum of a counter over components."""
        return float(self.rows[slots, field].sum())

    def stop(self) -> None:
        """Ask every component to end."""
        self._stop[0] = 1
