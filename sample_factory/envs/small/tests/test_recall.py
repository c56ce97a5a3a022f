"""Recall rewards memory by exactly the documented numbers. Knows no agent."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.registry import make_batched
from sample_factory.envs.tests.envs_for_tests import Runner


def play(length, answer, num_envs=500, seed=0):
    """Rewards of one episode [2 * length, num_envs]; `answer(symbols seen so far)` gives an action per row."""
    runner = Runner(make_batched(f"recall_{length}", SimpleNamespace(), num_envs))
    out, seen, rewards = runner.reset(seed)["obs"], [], []
    for step in range(2 * length):
        if step < length:
            assert (out[:, :4].sum(1) == 1).all() and not out[:, 4].any()
            seen.append(out[:, :4].argmax(1))
        else:
            assert (out == [0, 0, 0, 0, 1]).all()
        stored, result, _ = runner.step(answer(seen, step))
        rewards.append(result.rewards)
        out = stored["obs"]
        assert result.terminated.all() == (step == 2 * length - 1) and not result.truncated.any()
    return np.array(rewards)


@pytest.mark.parametrize("length", [1, 4])
def test_memory_gets_the_optimum_in_every_episode(length):
    rewards = play(length, lambda seen, step: seen[step % length])
    assert not rewards[:length].any()
    np.testing.assert_allclose(rewards[length:], 1 / length)


def test_any_constant_answer_is_right_a_quarter_of_the_time():
    for symbol in range(4):
        returns = play(4, lambda seen, step, symbol=symbol: np.full(500, symbol)).sum(0)
        assert returns.mean() == pytest.approx(0.25, abs=0.05)  # 5 standard errors


def test_the_order_counts():
    rewards = play(2, lambda seen, step: seen[1 - step % 2] if len(seen) == 2 else seen[0])
    assert rewards.sum(0).mean() == pytest.approx(0.25, abs=0.1)
