"""A policy that acts at random and costs next to nothing. Knows no torch, and of observations only the action mask."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import gymnasium as gym
import numpy as np

from sample_factory.rl.spaces import MASK_KEY, ActionLayout, ActionPart
from sample_factory.sampling.policy import PolicyDescription, PolicyOutput

_NUM_SAMPLES = 500
_NO_BOUND = 1e6  # some environments declare the largest number there is


class RandomPolicy:
    """Takes actions that were sampled in advance, round and round."""

    def __init__(self, actions: ActionLayout, seed: int) -> None:
        self._layout = actions
        self._random = np.random.default_rng(seed)
        self._next = 0
        self._actions = np.empty((_NUM_SAMPLES, 0, actions.num_actions), actions.dtype)
        self._scores = np.empty((_NUM_SAMPLES, 0, actions.mask_size), np.float32)

    def load(self, weights: np.ndarray) -> None:
        """There are none."""

    # hot path
    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyOutput:
        """The next actions, among those that an action mask allows if there is one."""
        if self._actions.shape[1] != len(state):
            self._sample(len(state))
        self._next = (self._next + 1) % _NUM_SAMPLES
        actions = self._actions[self._next]
        if MASK_KEY in obs:
            actions = allowed_actions(self._layout, actions, self._scores[self._next], obs[MASK_KEY])
        return PolicyOutput(actions, {}, state)

    def _sample(self, rows: int) -> None:
        columns = [_random_columns(self._random, part, rows) for part in self._layout.parts]
        self._actions = np.concatenate(columns, axis=-1).astype(self._layout.dtype)
        self._scores = self._random.random((_NUM_SAMPLES, rows, self._layout.mask_size), np.float32)


def allowed_actions(layout: ActionLayout, actions: np.ndarray, scores: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`actions` [n, num_actions] with the allowed category of the highest of `scores` [n, mask_size] in every part."""
    result = actions.copy()
    masked = np.where(mask != 0, scores, -1.0)
    column = first = 0
    for part in layout.parts:
        if part.kind == "categorical":
            result[:, column] = masked[:, first : first + part.size].argmax(axis=1)
            first += part.size
        column += part.num_actions
    return result


def describe_random_policy(actions: ActionLayout) -> PolicyDescription:
    """What the sampler must know of the policy."""
    return PolicyDescription(state_size=0, num_weights=0, recorded={}, make=partial(RandomPolicy, actions))


def _random_columns(random: np.random.Generator, part: ActionPart, rows: int) -> np.ndarray:
    """[_NUM_SAMPLES, rows, num_actions]: uniform over categories and within bounds, normal where there are none."""
    shape = (_NUM_SAMPLES, rows, part.num_actions)
    if part.kind == "categorical":
        return random.integers(part.size, size=shape)
    assert isinstance(part.space, gym.spaces.Box)
    low, high = (bound.reshape(-1).astype(np.float64) for bound in (part.space.low, part.space.high))
    bounded = (np.abs(low) < _NO_BOUND) & (np.abs(high) < _NO_BOUND)
    uniform = random.uniform(np.where(bounded, low, 0.0), np.where(bounded, high, 1.0), shape)
    return np.where(bounded, uniform, random.standard_normal(shape))
