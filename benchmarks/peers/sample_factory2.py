"""Starts Sample Factory 2.1.1 on the benchmark environments. Runs in its own virtualenv and knows none of our code.

Written from its public documentation ("Custom environments") and `--help`: register a function that makes the
environment, parse the command line, run.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import gymnasium as gym
import numpy as np
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.envs.env_utils import register_env
from sample_factory.train import run_rl


def make_doom(full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None) -> gym.Env:
    """The VizDoom environment of the case `doom`."""
    from doom_env import DoomEnv

    return DoomEnv(render_mode)


def make_gymnasium(
    full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None
) -> gym.Env:
    """An environment by its Gymnasium id, without the wrappers that check how it is called: ours has none either."""
    spec = copy.deepcopy(gym.spec(full_env_name))
    spec.order_enforce = False
    spec.disable_env_checker = True
    return gym.make(spec, render_mode=render_mode)


class NativeBatch(gym.Env):
    """Gymnasium's own vector environment as one environment with an agent a row; for `--batched_sampling=True`."""

    is_multiagent = True

    def __init__(self, gym_id: str, num_rows: int) -> None:
        self._rows = gym.make_vec(gym_id, num_rows, vectorization_mode="custom")
        self.num_agents = num_rows
        self.observation_space = self._rows.single_observation_space
        self.action_space = self._rows.single_action_space
        self.render_mode = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, list[dict[str, Any]]]:
        """First observations [rows, ...]; infos are a list as in every environment with several agents."""
        return self._rows.reset(seed=seed)[0], [{} for _ in range(self.num_agents)]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, list[dict[str, Any]]]:
        """One step of all rows; episodes that have ended are reset."""
        observations, rewards, terminated, truncated, _ = self._rows.step(np.asarray(actions).reshape(-1))
        return observations, rewards, terminated, truncated, [{} for _ in range(self.num_agents)]


def make_native_batch(
    full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None
) -> gym.Env:
    """`batch<rows>_<id>`: all environments of a worker at once."""
    rows, gym_id = full_env_name.removeprefix("batch").split("_", 1)
    return NativeBatch(gym_id, int(rows))


def main() -> int:
    """Train until stopped."""
    for rows in (64, 128, 256, 512):
        register_env(f"batch{rows}_CartPole-v1", make_native_batch)
    register_env("doom_benchmark_shipped", make_doom)
    register_env("CartPole-v1", make_gymnasium)
    parser, _ = parse_sf_args()
    return int(run_rl(parse_full_cfg(parser)))


if __name__ == "__main__":
    sys.exit(main())
