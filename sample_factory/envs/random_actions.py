"""Random actions that were sampled in advance, round and round. Knows no environment, and of observations only the
action mask.
"""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium as gym
import numpy as np

from sample_factory.rl.spaces import MASK_KEY, ActionLayout, ActionPart

_NUM_SAMPLES = 500
_NO_BOUND = 1e6  # some environments declare the largest number there is


class RandomActions:
    """Members of an action space for `rows` rows at a time, at next to no cost."""

    def __init__(self, layout: ActionLayout, rows: int, seed: int) -> None:
        self._layout = layout
        self._next = 0
        random = np.random.default_rng(seed)
        columns = [_random_columns(random, part, rows) for part in layout.parts]
        self._actions = np.concatenate(columns, axis=-1).astype(layout.dtype)
        self._scores = random.random((_NUM_SAMPLES, rows, layout.mask_size), np.float32)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self._actions.nbytes + self._scores.nbytes

    # hot path
    def next(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """The next flat actions [rows, num_actions], to be left unchanged.

        They are among those that the mask of `obs` [rows, mask_size] allows, if there is one.
        """
        self._next = (self._next + 1) % _NUM_SAMPLES
        actions: np.ndarray = self._actions[self._next]
        if MASK_KEY in obs:
            return allowed_actions(self._layout, actions, self._scores[self._next], obs[MASK_KEY])
        return actions


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
