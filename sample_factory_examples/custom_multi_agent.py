"""An environment with several agents, some of which take no part now and then. Knows nothing about training.

python -m sample_factory_examples.custom_multi_agent --inactive_segment_prob=0.05
python -m sample_factory_examples.custom_multi_agent enjoy --no_render --max_num_episodes=10
"""

import sys
from dataclasses import dataclass

import gymnasium as gym
import numpy as np

from sample_factory import evaluate, register_env, train


@dataclass(frozen=True)
class Options:
    """Options that the environment adds to the command line."""

    custom_env_num_agents: int = 3
    """Agents of one environment."""
    custom_env_episode_len: int = 10
    """Steps of an episode."""
    inactive_segment_prob: float = 0.02
    """Probability in each step that an agent begins to take no part."""
    inactive_segment_min_len: int = 1
    """Fewest steps that an agent takes no part."""
    inactive_segment_max_len: int = 40
    """Most steps that an agent takes no part."""


class Disagree:
    """Every agent sees the last actions of all and is paid for doing what nobody else does.

    Lists in, lists out: one entry per agent. The environment begins the next episode itself, within the last step.
    """

    is_multiagent = True

    def __init__(self, options):
        self.options, self.num_agents = options, options.custom_env_num_agents
        self.observation_space = gym.spaces.Box(0, 1, (self.num_agents,), np.float32)  # of one agent
        self.action_space = gym.spaces.Discrete(self.num_agents)

    def reset(self, seed=None):
        self.random = np.random.default_rng(seed)
        self.inactive_steps = np.zeros(self.num_agents, int)
        return self.start_episode()

    def start_episode(self):
        self.steps = 0
        return [np.zeros(self.num_agents, np.float32)] * self.num_agents

    def step(self, actions):
        active = self.inactive_steps == 0  # in this step
        chosen = [action for action, is_active in zip(actions, active, strict=True) if is_active]
        rewards = [float(is_active and chosen.count(a) == 1) for a, is_active in zip(actions, active, strict=True)]
        infos = [{"is_active": bool(is_active)} for is_active in active]
        self.steps += 1
        is_over = self.steps == self.options.custom_env_episode_len
        last = np.array(actions, np.float32) / self.num_agents
        observations = self.start_episode() if is_over else [np.roll(last, -i) for i in range(self.num_agents)]
        self.begin_or_end_inactivity()
        return observations, rewards, [is_over] * self.num_agents, [False] * self.num_agents, infos

    def begin_or_end_inactivity(self):
        options = self.options
        self.inactive_steps = np.maximum(0, self.inactive_steps - 1)
        begins = (self.inactive_steps == 0) & (self.random.random(self.num_agents) < options.inactive_segment_prob)
        low, high = options.inactive_segment_min_len, options.inactive_segment_max_len
        self.inactive_steps[begins] = self.random.integers(low, high + 1, begins.sum())

    def close(self):
        pass


def make_env(full_env_name, cfg, env_config):
    return Disagree(cfg)


if __name__ == "__main__":
    defaults = {"encoder_type": "mlp", "use_rnn": False, "hidden_size": 64, "learning_rate": 1e-3}
    register_env("my_disagree", make_env, options=Options, defaults=defaults)
    names = {"env": "my_disagree", "experiment": "custom_multi_agent"}
    if sys.argv[1:2] == ["enjoy"]:
        sys.exit(evaluate(*sys.argv[2:], **names).status)
    sys.exit(train(*sys.argv[1:], **names, train_for_seconds=60))
