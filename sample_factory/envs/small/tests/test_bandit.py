"""Arms pay with the documented probabilities. Knows no agent."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.registry import make_batched
from sample_factory.envs.small.bandit import PULLS
from sample_factory.envs.tests.envs_for_tests import Runner


def returns(arms, choose, num_envs=2000):
    runner = Runner(make_batched(f"bandit_{arms}", SimpleNamespace(), num_envs))
    assert (runner.reset(seed=0)["obs"] == 1).all()
    total = np.zeros(num_envs)
    for pull in range(PULLS):
        out, result, _ = runner.step(choose(num_envs))
        assert (out["obs"] == 1).all() and set(result.rewards) <= {0, 1}
        assert result.terminated.all() == (pull == PULLS - 1) and not result.truncated.any()
        total += result.rewards
    return total


@pytest.mark.parametrize("arm", range(4))
def test_each_arm_pays_its_part(arm):
    mean = returns(4, lambda n: np.full(n, arm)).mean()
    assert mean == pytest.approx(10 * (arm + 1) / 5, abs=0.18)  # 5 standard errors at most


def test_random_pulls_pay_half():
    rng = np.random.default_rng(0)
    assert returns(7, lambda n: rng.integers(7, size=n)).mean() == pytest.approx(5, abs=0.18)
