"""Starts Sample Factory 2.1.1 on the benchmark environments. Runs in its own virtualenv and knows none of our code.

Written from its public documentation ("Custom environments") and `--help`: register a function that makes the
environment, parse the command line, run.
"""

from __future__ import annotations

import copy
import sys
from typing import Any

import gymnasium as gym
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


def main() -> int:
    """Train until stopped."""
    register_env("doom_benchmark_shipped", make_doom)
    register_env("CartPole-v1", make_gymnasium)
    parser, _ = parse_sf_args()
    return int(run_rl(parse_full_cfg(parser)))


if __name__ == "__main__":
    sys.exit(main())
