"""One environment for one agent, for peers that step a list of them. Knows no peer."""

from __future__ import annotations

import copy

import gymnasium as gym


def make_single(env: str, render_mode: str | None = None) -> gym.Env:
    """`atari_<game>`, or by its Gymnasium id: without the wrappers that check how it is called, as ours."""
    if env.startswith("atari_"):
        from atari_env import AtariEnv

        return AtariEnv(env.removeprefix("atari_"), render_mode)
    spec = copy.deepcopy(gym.spec(env))
    spec.order_enforce = False
    if gym.__version__.startswith("0."):
        spec.disable_env_checker = True
        return gym.make(spec, render_mode=render_mode)
    return gym.make(spec, render_mode=render_mode, disable_env_checker=True)
