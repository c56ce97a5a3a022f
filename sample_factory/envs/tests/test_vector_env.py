"""Gymnasium vector environments keep the contract. Knows no sampler."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.tests.envs_for_tests import Counting, Nested, Runner
from sample_factory.envs.vector_env import VectorEnvAdapter


def of(make, num_envs=2, mode=AutoresetMode.NEXT_STEP):
    return Runner(VectorEnvAdapter("vector", SyncVectorEnv([make] * num_envs, autoreset_mode=mode)))


@pytest.mark.parametrize(
    ("gym_id", "mode"),  # what a list does at an end depends on which it is
    [
        ("CartPole-v1", AutoresetMode.SAME_STEP),
        ("Pendulum-v1", AutoresetMode.NEXT_STEP),
        ("Blackjack-v1", AutoresetMode.SAME_STEP),
        ("FrozenLake-v1", AutoresetMode.SAME_STEP),
    ],
)
def test_agrees_with_the_list_adapter(gym_id, mode):
    limit = 20 if mode == AutoresetMode.NEXT_STEP else None
    make = lambda _=0: gym.make(gym_id, max_episode_steps=limit)  # noqa: E731
    vector, listed = of(make, mode=mode), Runner(GymnasiumList(gym_id, make, 2))
    first, second = vector.reset(seed=9), listed.reset(seed=9)
    num_ends = 0
    for _ in range(60):
        for name in first:
            np.testing.assert_array_equal(first[name], second[name])
        actions = [listed.env.actions.encode(listed.env.actions.space.sample()) for _ in range(2)]
        first, a, episodes_a = vector.step(actions)
        second, b, episodes_b = listed.step(actions)
        for name, left, right in zip(a._fields, a, b, strict=True):
            np.testing.assert_array_equal(left, right, err_msg=name)
        assert [e.row for e in episodes_a] == [e.row for e in episodes_b]
        num_ends += len(episodes_a)
    assert num_ends > 0


def test_natively_vectorised_environment_keeps_next_step_autoreset():
    env = gym.make_vec("CartPole-v1", num_envs=4, vectorization_mode="vector_entry_point")
    runner = Runner(VectorEnvAdapter("cartpole", env))
    runner.reset(seed=0)
    ended = np.zeros(4, bool)
    for _ in range(100):
        out, result, _ = runner.step([1, 1, 0, 0])
        np.testing.assert_array_equal(result.resets, ended)
        np.testing.assert_array_equal(result.valid, ~ended)
        assert (np.abs(out["obs"][ended]) <= 0.05).all()  # CartPole starts there
        ended = result.terminated | result.truncated
    runner.env.close()
    runner.env.close()


def test_infos_of_the_ended_row_only():
    runner = of(lambda: Counting(length=2))
    runner.reset()
    runner.step([0, 0])
    _, _, episodes = runner.step([0, 0])
    assert [(e.row, e.info) for e in episodes] == [(0, {"true_objective": 10.0}), (1, {"true_objective": 10.0})]


def test_frames_and_nested_observations():
    runner = of(Nested)
    runner.reset(seed=0)
    out, result, _ = runner.step([runner.env.actions.encode(runner.env.actions.space.sample()) for _ in range(2)])
    assert result.frames.tolist() == [4, 4] and out["camera"].shape == (2, 8, 10, 3)
    assert out["level"].min() >= 0 and out["level"].max() < 5


@pytest.mark.parametrize("truncates", [False, True])
def test_same_step_autoreset_loses_only_truncated_last_steps(truncates):
    runner = of(lambda: Counting(length=2, truncates=truncates), mode=AutoresetMode.SAME_STEP)
    runner.reset()
    runner.step([0, 0])
    out, result, episodes = runner.step([0, 0])
    assert out["obs"].tolist() == [[2, 0], [2, 0]] and result.resets.all()
    assert result.valid.tolist() == [not truncates] * 2 and result.rewards.tolist() == [0 if truncates else 2] * 2
    assert [e.lost_reward for e in episodes] == [2 if truncates else 0] * 2
    assert [e.info["true_objective"] for e in episodes] == [10.0, 10.0]
    assert runner.step([0, 0])[1].valid.all()


def test_a_last_step_that_is_terminated_as_well_as_truncated_is_valid():
    """A terminated step needs no value of its final observation."""

    class Both(Counting):
        def step(self, action):
            observation, reward, terminated, _, info = super().step(action)
            return observation, reward, terminated, terminated, info

    runner = of(lambda: Both(length=1), mode=AutoresetMode.SAME_STEP)
    runner.reset()
    _, result, _ = runner.step([0, 0])
    assert result.truncated.all() and result.terminated.all() and result.valid.all()


def test_an_environment_that_does_not_reset_itself_is_refused():
    with pytest.raises(ValueError, match=r"AutoresetMode.NEXT_STEP"):
        of(Counting, mode=AutoresetMode.DISABLED)
