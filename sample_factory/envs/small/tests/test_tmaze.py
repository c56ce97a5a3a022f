"""The T-maze rewards memory by exactly the documented numbers. Knows no agent."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.registry import make_batched
from sample_factory.envs.small.tmaze import FORWARD, LEFT, RIGHT
from sample_factory.envs.tests.envs_for_tests import Runner

CFG = SimpleNamespace()


def returns(policy, length=10, num_envs=400, steps=100):
    """Returns of the complete episodes; `policy(observations, first observations)` gives an action per row."""
    runner = Runner(make_batched(f"tmaze_{length}", CFG, num_envs))
    out = runner.reset(seed=3)["obs"]
    first, total, done = out.copy(), np.zeros(num_envs), []
    for _ in range(steps):
        stored, result, episodes = runner.step(policy(out, first))
        total += result.rewards
        done += [total[e.row] for e in episodes]
        total[[e.row for e in episodes]] = 0
        out = stored["obs"]
        first[result.resets] = out[result.resets]
    return np.array(done)


def with_memory(out, first):
    return np.where(out[:, 3] == 1, np.where(first[:, 1] == 1, RIGHT, LEFT), FORWARD)


def always_left(out, first):
    return np.where(out[:, 3] == 1, LEFT, FORWARD)


@pytest.mark.parametrize("length", [1, 10])
def test_memory_gets_the_optimum_in_every_episode(length):
    assert set(returns(with_memory, length)) == {4.0}


def test_without_memory_half_of_the_episodes_are_won():
    done = returns(always_left)
    assert len(done) >= 2000 and set(np.round(done, 3)) == {4.0, -0.1}
    assert done.mean() == pytest.approx(1.95, abs=0.2)


def test_random_exploration_finds_the_goal():
    rng = np.random.default_rng(0)
    done = returns(lambda out, _: rng.integers(0, 3, len(out)))
    assert 0.1 < (done == 4).mean() < 0.5


def test_only_the_first_observation_tells_the_side_and_nothing_of_it_can_be_kept():
    """Turning or walking at the first step leads to the same cell, so the position cannot carry the signal."""
    for first_action in (FORWARD, LEFT, RIGHT):
        runner = Runner(make_batched("tmaze_3", CFG, 64))
        out = runner.reset(seed=0)["obs"]
        assert (out[:, :2].sum(1) == 1).all() and 0 < out[:, 0].sum() < 64
        seen = [runner.step([action] * 64)[0]["obs"] for action in (first_action, FORWARD, FORWARD)]
        assert all((np.ptp(s, axis=0) == 0).all() and not s[:, :2].any() for s in seen)
        assert [s[0, 3] for s in seen] == [0, 0, 1]


def test_step_limit_truncates_and_the_next_step_resets():
    runner = Runner(make_batched("tmaze_2", CFG, 1))
    runner.reset(seed=0)
    results = [runner.step([FORWARD])[1] for _ in range(8)]
    assert [bool(r.truncated[0]) for r in results] == [False] * 5 + [True, False, False]
    assert not any(r.terminated[0] for r in results)
    assert [(bool(r.valid[0]), bool(r.resets[0])) for r in results[5:]] == [(True, False), (False, True), (True, False)]


def test_a_choice_ends_the_episode_and_begins_the_next():
    runner = Runner(make_batched("tmaze_1", CFG, 1))
    runner.reset(seed=0)
    runner.step([FORWARD])
    out, result, episodes = runner.step([LEFT])
    assert [array.item() for array in result[1:]] == [True, False, True, True, 1]
    assert [episode.row for episode in episodes] == [0] and out["obs"][0, :2].sum() == 1
    assert not runner.step([FORWARD])[1].resets[0]
