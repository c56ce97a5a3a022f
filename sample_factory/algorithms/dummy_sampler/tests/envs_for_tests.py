"""Environments that fail where the tests want them to. Imports what a worker may import, and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np


class Counting(gym.Env[np.ndarray, int]):
    """Episodes of ten steps."""

    observation_space = gym.spaces.Box(0.0, 1.0, (2,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def __init__(self) -> None:
        self._steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        """Start over."""
        super().reset(seed=seed)
        self._steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: int) -> Any:
        """Count."""
        assert self.action_space.contains(action)
        self._steps += 1
        return np.zeros(2, np.float32), 0.0, self._steps == 10, False, {}


class LooksForTorch(Counting):
    """Ends the run when it finds torch in a rollout worker."""

    def step(self, action: int) -> Any:
        """Look, then count."""
        if is_worker() and "torch" in sys.modules:
            os._exit(3)
        return super().step(action)


def make_counting(full_env_name: str, cfg: SimpleNamespace, env_config: Any) -> Counting:
    """An environment without any fault."""
    return Counting()


def make_torch_free(full_env_name: str, cfg: SimpleNamespace, env_config: Any) -> LooksForTorch:
    """An environment that refuses to be stepped beside torch."""
    return LooksForTorch()


def make_deadly(full_env_name: str, cfg: SimpleNamespace, env_config: Any) -> Counting:
    """Kills every rollout worker that makes it."""
    if is_worker():
        os._exit(3)
    return Counting()


def make_deadly_once(full_env_name: str, cfg: SimpleNamespace, env_config: Any) -> Counting:
    """Kills the first rollout worker that makes it."""
    mark = Path(cfg.train_dir) / "died"
    if is_worker() and not mark.exists():
        mark.touch()
        os._exit(3)
    return Counting()


def is_worker() -> bool:
    """Whether this is a rollout worker, and not the process that has a first look."""
    return multiprocessing.current_process().name.startswith("rollout worker")
