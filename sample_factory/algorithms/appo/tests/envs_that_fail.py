"""Environments that fail in a chosen way, as a user's training script. Knows no test."""

from __future__ import annotations

import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.algorithms.appo.train_appo import main
from sample_factory.envs.registry import register_env

_HANG_FILE = "hang"


class Failing(gym.Env[np.ndarray, int]):
    """Four numbers to see, two actions, and trouble by name."""

    observation_space = gym.spaces.Box(-1, 1, (4,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, trouble: str, folder: Path, in_worker: bool) -> None:
        self._trouble, self._folder, self._in_worker = trouble, folder, in_worker
        self._generator = np.random.default_rng()
        self._steps = 0
        if trouble == "constructor" and in_worker:
            raise RuntimeError("this constructor fails in workers")
        if trouble == "value_error" and in_worker:
            raise ValueError("--something=wrong is wrong")
        if trouble == "sleeping_constructor" and in_worker and self._first():
            time.sleep(10_000)
        if trouble == "sleeping_trial" and not in_worker:
            time.sleep(10_000)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        return self._observe(), {}

    def step(self, action: int) -> Any:
        if self._in_worker:
            if self._trouble == "step" or (self._trouble == "sometimes" and self._generator.random() < 1 / 5000):
                raise RuntimeError("this step fails")
            self._steps += 1
            if self._trouble == "sleeping_step" and self._steps == 100 and self._first():
                time.sleep(10_000)
        return self._observe(), 1.0, bool(self._generator.random() < 0.05), False, {}

    def _observe(self) -> np.ndarray:
        return self._generator.random(4, np.float32)

    def _first(self) -> bool:
        """Whether nobody has been here before in this experiment."""
        try:
            (self._folder / _HANG_FILE).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


def make(name: str, cfg: Any, env_config: Any = None) -> Failing:
    in_worker = multiprocessing.current_process().name != "trial"
    return Failing(name.removeprefix("failing_"), Path(cfg.train_dir), in_worker)


if __name__ == "__main__":
    register_env("failing_", make)
    sys.exit(main())
