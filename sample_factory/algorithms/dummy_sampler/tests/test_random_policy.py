"""Random actions are members of the action space, and of what a mask allows."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.algorithms.dummy_sampler.random_policy import RandomPolicy
from sample_factory.envs.random_actions import allowed_actions
from sample_factory.rl.spaces import MASK_KEY, action_layout

NO_STATE = np.zeros((4, 0), np.float32)


@pytest.mark.parametrize(
    "space",
    [
        gym.spaces.Discrete(3, start=-1),
        gym.spaces.MultiDiscrete([2, 5]),
        gym.spaces.Box(np.float32([-1.0, 2.0]), np.float32([1.0, 7.0]), dtype=np.float32),
        gym.spaces.Box(-np.inf, np.inf, (2,), np.float32),
        gym.spaces.Box(-np.finfo(np.float32).max, np.finfo(np.float32).max, (2,), np.float32),
        gym.spaces.Tuple([gym.spaces.Discrete(4), gym.spaces.Box(0.0, 1.0, (2, 2), np.float32)]),
    ],
)
def test_actions_belong_to_the_space_and_vary(space: gym.Space) -> None:
    layout = action_layout(space)
    policy = RandomPolicy(layout, seed=1)
    flat = np.concatenate([policy.act({}, NO_STATE).actions for _ in range(20)])
    assert flat.shape == (80, layout.num_actions) and flat.dtype == layout.dtype
    assert all(space.contains(layout.decode(row)) for row in flat)
    assert (np.ptp(flat, axis=0) > 0).all()


def test_every_category_is_taken_about_equally_often() -> None:
    policy = RandomPolicy(action_layout(gym.spaces.Discrete(4)), seed=1)
    actions = np.concatenate([policy.act({}, NO_STATE).actions for _ in range(500)])
    counts = np.bincount(actions[:, 0], minlength=4)
    assert counts.min() > 400  # 500 expected, standard deviation 19


def test_masked_actions_are_not_taken() -> None:
    layout = action_layout(
        gym.spaces.Tuple([gym.spaces.Discrete(3), gym.spaces.Box(-1.0, 1.0, (2,), np.float32), gym.spaces.Discrete(2)])
    )
    mask = np.array([[0, 1, 0, 1, 0], [1, 0, 1, 0, 1]], np.int8)
    actions = np.full((2, 4), 0.5, np.float32)
    scores = np.array([[0.9, 0.1, 0.8, 0.2, 0.7], [0.3, 0.9, 0.4, 0.8, 0.1]], np.float32)
    assert allowed_actions(layout, actions, scores, mask).tolist() == [[1, 0.5, 0.5, 0], [2, 0.5, 0.5, 1]]
    policy = RandomPolicy(layout, seed=1)
    taken = np.stack([policy.act({MASK_KEY: mask}, NO_STATE[:2]).actions for _ in range(50)])
    assert (taken[:, 0, 0] == 1).all() and (taken[:, 0, 3] == 0).all()
    assert set(taken[:, 1, 0]) == {0, 2} and (taken[:, 1, 3] == 1).all()
