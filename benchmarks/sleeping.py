"""Environments that only sleep, and stand in for simulators on cores that this machine does not have.

    python -m benchmarks.sleeping --algo=DUMMY_SAMPLER --env=sleep_5 --num_workers=64 --num_envs_per_worker=32

takes the options of `sample_factory.run_algorithm`. A group of `sleep_5` sleeps 5 ms a step, however many rows it has.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory import register_env
from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.rl.spaces import action_layout, observation_keys
from sample_factory.run_algorithm import main as run_algorithm

PREFIX = "sleep_"
_NO_EPISODES: tuple[EpisodeInfo, ...] = ()


class Sleeping:
    """A `BatchedEnv` whose episodes never end."""

    def __init__(self, num_rows: int, step_sec: float) -> None:
        self.observation_space = gym.spaces.Box(-1.0, 1.0, (8,), np.float32)
        self.action_space = gym.spaces.Discrete(2)
        self.num_rows = num_rows
        self.keys = observation_keys(self.observation_space)
        self.actions = action_layout(self.action_space)
        self._step_sec = step_sec

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Nothing to see."""
        out["obs"][:] = 0

    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Sleep."""
        if self._step_sec:
            time.sleep(self._step_sec)
        out["obs"][:] = 0
        result.rewards[:] = 0
        result.terminated[:] = False
        result.truncated[:] = False
        result.valid[:] = True
        result.resets[:] = False
        result.frames[:] = 1
        return _NO_EPISODES

    def close(self) -> None:
        """Nothing to release."""


def make_sleeping(full_env_name: str, cfg: Any, env_config: Any, render_mode: str | None = None) -> Sleeping:
    """`sleep_<milliseconds>`."""
    num_rows = 1 if env_config is None else env_config.num_envs
    return Sleeping(num_rows, float(full_env_name.removeprefix(PREFIX)) / 1000)


if __name__ == "__main__":
    # By its importable name: workers do not run this script.
    from benchmarks import sleeping

    register_env(PREFIX, sleeping.make_sleeping, defaults={"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco"})
    sys.exit(run_algorithm())
