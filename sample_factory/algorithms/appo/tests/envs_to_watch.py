"""Environments with known episodes and known pictures. Know no policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.registry import EnvFamily

CLIP_STEPS = 5
CLIP_SIZE = (31, 40)
"""Height and width of its frames; an odd height, which videos cannot have."""


class Clip(gym.Env):
    """Episodes of 5 steps with reward 1 each; frames get lighter with each step."""

    observation_space = gym.spaces.Box(0, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(self, render_mode: str | None = None) -> None:
        self.render_mode = render_mode
        self.steps = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        ended = self.steps == CLIP_STEPS
        info = {"true_objective": 7.0, "episode_extra_stats": {"depth": 2.0}} if ended else {}
        return np.zeros(2, np.float32), 1.0, ended, False, info

    def render(self):
        return np.full((*CLIP_SIZE, 3), 40 * self.steps, np.uint8)


class Scripted(gym.Env):
    """Episode lengths from a list, over and over; the reward of an episode is its length."""

    observation_space = Clip.observation_space
    action_space = Clip.action_space

    def __init__(self, lengths: Sequence[int]) -> None:
        self.lengths, self.episode, self.steps = lengths, -1, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode += 1
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.steps += 1
        ended = self.steps == self.lengths[self.episode % len(self.lengths)]
        return np.zeros(2, np.float32), 1.0, ended, False, {}


def make_clip(name: str, cfg: Any, env_config: Any, render_mode: str | None = None) -> Clip:
    """Make the environment `clip`."""
    return Clip(render_mode)


FAMILIES = (EnvFamily("clip", make_clip),)
