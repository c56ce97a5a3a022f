"""Turns flat action rows into members of an action space, many rows at once. Knows no environment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.rl.spaces import ActionLayout

ActionDecoder = Callable[[np.ndarray], Sequence[Any]]


def action_decoder(layout: ActionLayout) -> ActionDecoder:
    """A function of flat actions [num_rows, num_actions] that gives one member of the space per row.

    Discrete actions become plain ints; arrays are fresh, so that an environment may keep them.
    """
    space = layout.space
    if isinstance(space, gym.spaces.Discrete):
        start = int(space.start)
        if start:
            return lambda flat: (flat[:, 0] + start).tolist()
        return lambda flat: flat[:, 0].tolist()
    if isinstance(space, gym.spaces.Box) and len(space.shape) == 1:
        low, high, dtype = space.low, space.high, space.dtype
        return lambda flat: list(np.clip(flat.astype(dtype), low, high))
    return lambda flat: [layout.decode(row) for row in flat]
