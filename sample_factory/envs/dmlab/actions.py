"""What the discrete actions of an agent do in DeepMind Lab. Knows no simulator.

A raw action is 7 integers: look right (pixels a frame), look down, strafe right, move forward, fire, jump, crouch.
Neither set has doing nothing, jumping or crouching.
"""

from __future__ import annotations

import numpy as np

NUM_RAW_ACTIONS = 7


def _raw(look: int = 0, *, down: int = 0, strafe: int = 0, forward: int = 0, fire: int = 0) -> tuple[int, ...]:
    return look, down, strafe, forward, fire, 0, 0


_STANDARD = (
    _raw(forward=1),
    _raw(forward=-1),
    _raw(strafe=-1),
    _raw(strafe=1),
    _raw(-20),
    _raw(20),
    _raw(-20, forward=1),
    _raw(20, forward=1),
    _raw(fire=1),
)
_EXTENDED = (
    _raw(forward=1),
    _raw(forward=-1),
    _raw(strafe=-1),
    _raw(strafe=1),
    _raw(-10),
    _raw(10),
    _raw(-60),
    _raw(60),
    _raw(down=10),
    _raw(down=-10),
    _raw(-10, forward=1),
    _raw(10, forward=1),
    _raw(-60, forward=1),
    _raw(60, forward=1),
    _raw(fire=1),
)


def action_set(extended: bool) -> list[np.ndarray]:
    """Raw actions [7] of C type int: IMPALA's 9, or the 15 that turn slowly and fast and look up and down."""
    rows = np.array(_EXTENDED if extended else _STANDARD, np.intc)
    rows.flags.writeable = False
    return list(rows)
