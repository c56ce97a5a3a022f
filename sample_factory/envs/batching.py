"""Makes a batched environment of whatever a factory returns. Knows the adapters, no family and no registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium as gym

from sample_factory.envs.contract import BatchedEnv
from sample_factory.envs.gymnasium_list import GymnasiumList


def batch_envs(name: str, make: Callable[[int], Any], num_envs: int) -> BatchedEnv:
    """Batch `num_envs` environments; `make(i)` makes number i, and `make(0)` may return all of them at once.

    Raises:
        ValueError: what `make` returns is of no kind that can be batched.
    """
    first = make(0)
    if isinstance(first, gym.Env):
        return GymnasiumList(name, make, num_envs, first)
    raise ValueError(f"environment {name!r} is a {type(first).__name__}, which is of no kind that can be batched")
