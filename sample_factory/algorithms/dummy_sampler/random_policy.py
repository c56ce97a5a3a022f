"""A policy that acts at random and costs next to nothing. Knows no torch and nothing of how actions are sampled."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from sample_factory.envs.random_actions import RandomActions
from sample_factory.rl.spaces import ActionLayout
from sample_factory.sampling.policy import PolicyDescription, PolicyOutput


class RandomPolicy:
    """Takes actions that were sampled in advance, round and round."""

    def __init__(self, actions: ActionLayout, seed: int) -> None:
        self._layout, self._seed = actions, seed
        self._rows = 0
        self._actions: RandomActions | None = None

    def load(self, weights: np.ndarray) -> None:
        """There are none."""

    # hot path
    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyOutput:
        """The next actions, among those that an action mask allows if there is one."""
        if self._actions is None or self._rows != len(state):
            self._rows = len(state)
            self._actions = RandomActions(self._layout, self._rows, self._seed)
        return PolicyOutput(self._actions.next(obs), {}, state)


def describe_random_policy(actions: ActionLayout) -> PolicyDescription:
    """What the sampler must know of the policy."""
    return PolicyDescription(state_size=0, num_weights=0, recorded={}, make=partial(RandomPolicy, actions))
