"""Trains on an environment of one's own: a corridor with a reward at its right end. Knows nothing about training."""

import sys

import gymnasium as gym
import numpy as np

from sample_factory import register_env, train


class Corridor(gym.Env):
    observation_space = gym.spaces.Box(0.0, 1.0, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)  # left, right

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.position = 3
        return np.array([self.position / 10], np.float32), {}

    def step(self, action):
        self.position += 1 if action == 1 else -1
        is_right, is_left = self.position == 10, self.position == 0
        return np.array([self.position / 10], np.float32), float(is_right), is_right or is_left, False, {}


def make_corridor(full_env_name, cfg, env_config):
    return Corridor()


if __name__ == "__main__":
    register_env("my_corridor", make_corridor, defaults={"use_rnn": False, "hidden_size": 64})
    sys.exit(train(*sys.argv[1:], env="my_corridor", experiment="corridor", learning_rate=1e-3, train_for_seconds=20))
