"""Starts Sample Factory 2.1.1 on the benchmark environments. Runs in its own virtualenv and knows none of our code.

Written from its public documentation ("Custom environments") and `--help`: register a function that makes the
environment, parse the command line, run.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import gymnasium as gym
import numpy as np
from rows import make_rows
from sample_factory.cfg.arguments import parse_full_cfg, parse_sf_args
from sample_factory.envs.env_utils import register_env
from sample_factory.train import run_rl
from single import make_single

SINGLE = ("CartPole-v1", "HalfCheetah-v4", "atari_breakout")
BATCHES = (
    ("gymnasium", "CartPole-v1"),
    ("envpool", "CartPole-v1"),
    ("envpool", "atari_breakout"),
    ("envpool", "HalfCheetah-v4"),
    ("games", "meeting_4"),
)
BATCH_SIZES = (8, 16, 32, 64, 128, 256, 512)


class Batch(gym.Env):
    """Rows that are stepped at once as one environment with an agent a row; for `--batched_sampling=True`."""

    is_multiagent = True

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self.num_agents = rows.num_rows
        self.observation_space, self.action_space = rows.observation_space, rows.action_space
        self.render_mode = None

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, list[dict[str, Any]]]:
        """First observations [rows, ...]; infos are a list as in every environment with several agents."""
        return self._rows.reset(seed), [{} for _ in range(self.num_agents)]

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, list[dict[str, Any]]]:
        """One step of all rows; episodes that have ended are reset."""
        observations, rewards, terminated, truncated = self._rows.step(
            np.asarray(actions).reshape(self.num_agents, *self.action_space.shape)
        )
        return observations, rewards, terminated, truncated, [{} for _ in range(self.num_agents)]


def make_doom(full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None) -> gym.Env:
    """The VizDoom environment of the case `doom`."""
    from doom_env import DoomEnv

    return DoomEnv(render_mode)


def make_one(full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None) -> gym.Env:
    """One environment for one agent."""
    return make_single(full_env_name, render_mode)


def make_game(full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None) -> gym.Env:
    """One game of two agents."""
    return Batch(make_rows("games", full_env_name, 1, threads=1))


def make_batch(full_env_name: str, cfg: Any = None, env_config: Any = None, render_mode: str | None = None) -> gym.Env:
    """`batch<number>_<how>_<name>`: all environments of a worker at once."""
    number, how, name = full_env_name.removeprefix("batch").split("_", 2)
    # With several workers each has its core; a single one may use all.
    threads = 1 if cfg.num_workers > 1 else len(os.sched_getaffinity(0))
    return Batch(make_rows(how, name, int(number), threads))


def main() -> int:
    """Train until stopped."""
    register_env("doom_benchmark", make_doom)
    register_env("meeting_4", make_game)
    for name in SINGLE:
        register_env(name, make_one)
    for how, name in BATCHES:
        for number in BATCH_SIZES:
            register_env(f"batch{number}_{how}_{name}", make_batch)
    parser, _ = parse_sf_args()
    return int(run_rl(parse_full_cfg(parser)))


if __name__ == "__main__":
    sys.exit(main())
