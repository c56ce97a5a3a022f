"""An environment with options of its own, and a network of one's own for it. Knows nothing about training.

python -m sample_factory_examples.custom_env_custom_model --custom_env_num_actions=4
python -m sample_factory_examples.custom_env_custom_model enjoy --no_render --max_num_episodes=10
"""

import sys
from dataclasses import dataclass

import gymnasium as gym
import numpy as np
import torch
from torch import nn

from sample_factory import evaluate, register_core, register_encoder, register_env, train
from sample_factory.models.cores import unroll

SIZE = 10


@dataclass(frozen=True)
class Options:
    """Options that the environment adds to the command line."""

    custom_env_num_actions: int = 4
    """Actions to choose from, 10 at most."""
    custom_env_episode_len: int = 100
    """Steps of an episode."""


class FindTheColumn(gym.Env):
    """An image with one bright column; its number was the right action one step ago, so memory helps."""

    def __init__(self, options):
        self.num_actions, self.episode_len = options.custom_env_num_actions, options.custom_env_episode_len
        self.observation_space = gym.spaces.Box(0, 255, (SIZE, SIZE, 1), np.uint8)
        self.action_space = gym.spaces.Discrete(self.num_actions)
        # Values that --reward_shaping='{"wrong": -0.1}' and population-based training may change.
        self.reward_shaping = {"right": 1.0, "wrong": 0.0}

    def set_reward_shaping(self, reward_shaping, agent):
        self.reward_shaping = reward_shaping

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = self.num_right = 0
        self.previous = self.column = 0
        return self.look(), {}

    def step(self, action):
        is_right = action == self.previous
        self.num_right += is_right
        self.steps += 1
        is_over = self.steps == self.episode_len
        # Shown as 0_aux/avg_fraction_right.
        info = {"episode_extra_stats": {"fraction_right": self.num_right / self.steps}} if is_over else {}
        return self.look(), self.reward_shaping["right" if is_right else "wrong"], False, is_over, info

    def look(self):
        self.previous, self.column = self.column, int(self.np_random.integers(self.num_actions))
        image = np.zeros((SIZE, SIZE, 1), np.uint8)
        image[:, self.column] = 255
        return image


class Columns(nn.Module):
    """Sees images [rows, height, width, channels] as they are stored, uint8."""

    def __init__(self, width, hidden_size):
        super().__init__()
        self.linear = nn.Linear(width, hidden_size)
        self.output_size = hidden_size

    def forward(self, observations):
        brightness = observations["obs"].to(self.linear.weight.dtype).mean((1, 3)) / 255
        return torch.tanh(self.linear(brightness))


class LastFeatures(nn.Module):
    """Remembers the features of the step before."""

    def __init__(self, input_size):
        super().__init__()
        self.state_size, self.output_size = input_size, 2 * input_size

    def step(self, features, state):
        return torch.cat((features, state.to(features.dtype)), 1), features.float()

    def sequence(self, features, state, resets):
        return unroll(self, features, state, resets)


def make_env(full_env_name, cfg, env_config):
    return FindTheColumn(cfg)


def make_columns(keys, options):
    return Columns(keys["obs"].shape[1], options.hidden_size)


def make_last_features(input_size, options):
    return LastFeatures(input_size)


if __name__ == "__main__":
    defaults = {"encoder_custom": "columns", "core_custom": "last_features", "hidden_size": 32, "learning_rate": 1e-3}
    register_env("my_columns", make_env, options=Options, defaults=defaults)
    register_encoder("columns", make_columns)
    register_core("last_features", make_last_features)
    names = {"env": "my_columns", "experiment": "custom_model"}
    if sys.argv[1:2] == ["enjoy"]:
        sys.exit(evaluate(*sys.argv[2:], **names).status)
    sys.exit(train(*sys.argv[1:], **names, train_for_seconds=60))
