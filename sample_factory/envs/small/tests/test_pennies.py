"""Matching pennies pay as documented, and chance is safe. Knows no learning agent."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.registry import make_batched
from sample_factory.envs.small.pennies import HEADS, TAILS
from sample_factory.envs.tests.envs_for_tests import Runner


def make(rounds, num_envs):
    return Runner(make_batched(f"pennies_{rounds}", SimpleNamespace(), num_envs))


def returns(*policies, rounds=10, num_envs=2000):
    """Of agent 0 [num_envs]; a policy gives actions [num_envs] for observations [num_envs, 3]."""
    runner = make(rounds, num_envs)
    out, total = runner.reset(seed=0)["obs"], np.zeros(num_envs)
    for round_number in range(rounds):
        seen = out.reshape(num_envs, 2, 3)
        stored, result, _ = runner.step(np.stack([policies[i](seen[:, i]) for i in range(2)], axis=1))
        total += result.rewards.reshape(num_envs, 2)[:, 0]
        assert result.terminated.all() == (round_number == rounds - 1) and not result.truncated.any()
        out = stored["obs"]
    return total


def by_chance(share_of_heads, seed=0):
    rng = np.random.default_rng(seed)
    return lambda seen: rng.random(len(seen)) < share_of_heads


def always(side):
    return lambda seen: np.full(len(seen), side)


def in_turn(seen):
    return seen[:, 1] < 0


def like_the_other(seen):
    return seen[:, 2] > 0


def unlike_the_other(seen):
    return seen[:, 2] <= 0


@pytest.mark.parametrize("other", [always(HEADS), always(TAILS), in_turn, like_the_other, by_chance(0.3, seed=1)])
def test_even_chance_gets_the_value_against_anybody(other):
    for policies in ((by_chance(0.5), other), (other, by_chance(0.5))):
        assert returns(*policies).mean() == pytest.approx(0, abs=5 * np.sqrt(10 / 2000))


def test_equal_sides_are_agent_0s_and_different_ones_agent_1s():
    assert set(returns(always(HEADS), always(HEADS))) == set(returns(always(TAILS), always(TAILS))) == {10}
    assert set(returns(always(HEADS), always(TAILS))) == set(returns(always(TAILS), always(HEADS))) == {-10}


def test_another_chance_than_an_even_one_loses_as_documented():
    won, lost = returns(always(HEADS), by_chance(0.75)), returns(by_chance(0.75), always(TAILS))
    assert [won.mean(), lost.mean()] == pytest.approx([5, -5], abs=5 * np.sqrt(10 * 0.75 / 2000))


def test_sides_in_turn_are_read_from_the_last_round():
    assert set(returns(unlike_the_other, in_turn)) <= {8, 10}


def test_the_last_round_is_seen_from_each_side_and_forgotten_at_a_reset():
    runner = make(3, 1)
    assert runner.reset(seed=0)["obs"].tolist() == [[0, 0, 0], [1, 0, 0]]
    assert runner.step([HEADS, TAILS])[0]["obs"].tolist() == [[0, 1, -1], [1, -1, 1]]
    assert runner.step([TAILS, TAILS])[0]["obs"].tolist() == [[0, -1, -1], [1, -1, -1]]
    assert runner.step([HEADS, HEADS])[0]["obs"].tolist() == [[0, 0, 0], [1, 0, 0]]


def test_the_share_of_heads_of_every_agent_is_told_at_the_end_of_each_episode():
    runner = make(4, 2)
    runner.reset(seed=0)
    for _ in range(2):
        told = []
        for heads in ([1, 0, 1, 1], [1, 0, 0, 0], [1, 0, 0, 1], [1, 0, 0, 0]):
            assert told == []
            told = runner.step(heads)[2]
        assert [(episode.row, episode.extra) for episode in told] == [
            (row, {"heads": share}) for row, share in enumerate([1, 0, 0.25, 0.5])
        ]
