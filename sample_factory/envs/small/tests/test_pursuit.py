"""The pursuit has the documented value, and its rules are those of the solver. Knows no learning agent."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.registry import make_batched
from sample_factory.envs.small import pursuit
from sample_factory.envs.small.grid import DOWN, LEFT, RIGHT, STAY, UP
from sample_factory.envs.small.tests import pursuit_value
from sample_factory.envs.tests.envs_for_tests import Runner

EVEN = np.full(5, 0.2)
STAGES = {
    "equilibrium": lambda following: pursuit_value.equilibrium(following).value,
    "pursuer at random, evader at random": lambda following: EVEN @ following @ EVEN,
    "pursuer at random, evader knows it": lambda following: (EVEN @ following).min(),
    "evader at random, pursuer knows it": lambda following: (following @ EVEN).max(),
    "pursuer without chance, evader knows it": lambda following: following.min(axis=1).max(),
    "evader without chance, pursuer knows it": lambda following: following.max(axis=0).min(),
}


def make(size, num_envs):
    return Runner(make_batched(f"pursuit_{size}", SimpleNamespace(), num_envs))


def place(runner, *cells):
    """Put pursuer and evader of game 0 into these cells (column, row)."""
    runner.env._cells[0] = cells


def catches(size, *mixes, num_envs=4000):
    """Who was caught [num_envs]; `mixes` are like `optimal_play`'s, and states are read from the agents' own rows."""
    runner, rng = make(size, num_envs), np.random.default_rng(1)
    out, playing, caught = runner.reset(seed=0)["obs"], np.ones(num_envs, bool), np.zeros(num_envs, bool)
    for _ in range(2 * size - 3):
        cells = np.rint(out[:, :4] * (size - 1)).astype(int)
        left = np.rint(out[:, 5] * (2 * size - 3)).astype(int)
        own = cells[:, 0] + size * cells[:, 1]
        other = own + cells[:, 2] + size * cells[:, 3]
        actions = np.zeros(len(out), int)
        for role, mix in enumerate(mixes):
            mine = out[:, 4] == role
            pair = (own, other) if role == 0 else (other, own)
            chances = mix[left[mine], pair[0][mine], pair[1][mine]]
            actions[mine] = (chances.cumsum(axis=1) < rng.random((mine.sum(), 1))).sum(axis=1).clip(max=4)
        stored, result, _ = runner.step(actions)
        caught |= playing & (result.rewards.reshape(-1, 2)[:, 0] == 1)
        playing &= ~result.terminated.reshape(-1, 2)[:, 0]
        assert not result.truncated.any()
        out = stored["obs"]
    assert not playing.any()
    return caught


def margin(caught):
    """Five standard errors."""
    return 5 * caught.std() / np.sqrt(len(caught))


@pytest.mark.parametrize("stage", STAGES)
def test_the_documented_numbers_are_those_of_backward_induction(stage):
    values = [pursuit_value.induce(size, STAGES[stage])[pursuit_value.starts(size)].mean() for size in (2, 3, 4, 5)]
    documented = re.search(rf"\n    {stage}((?: +[\d.]+)+)\n", pursuit.__doc__ or "")
    assert documented is not None and documented[1].split() == [f"{value:.4f}" for value in values]


def test_the_smallest_grid_by_hand():
    """With one step, each of three cells to be in is safe from one of the three that the pursuer can be in."""
    values = pursuit_value.induce(2, STAGES["equilibrium"])
    assert values[pursuit_value.starts(2)] == pytest.approx([2 / 3] * 4)


def test_optimal_play_reaches_the_value_and_neither_can_do_better_alone():
    values, pursuer, evader = pursuit_value.optimal_play(3)
    best = values[-1][pursuit_value.starts(3)].mean()
    at_random = np.full_like(pursuer, 0.2)
    caught = catches(3, pursuer, evader)
    assert caught.mean() == pytest.approx(best, abs=margin(caught))
    for other in (at_random, np.eye(5)[np.full(pursuer.shape[:3], STAY)]):
        caught = catches(3, pursuer, other)
        assert caught.mean() > best - margin(caught)
        caught = catches(3, other, evader)
        assert caught.mean() < best + margin(caught)
    caught = catches(3, at_random, at_random)
    assert caught.mean() == pytest.approx(0.5217, abs=margin(caught))


@pytest.mark.parametrize(
    ("cells", "actions"),
    [
        (((0, 0), (2, 0)), (RIGHT, STAY)),  # side by side
        (((0, 0), (2, 0)), (RIGHT, LEFT)),  # the same cell
        (((1, 1), (0, 0)), (LEFT, DOWN)),  # the same cell
        (((0, 0), (0, 2)), (STAY, UP)),
        (((2, 0), (1, 2)), (DOWN, UP)),
    ],
)
def test_a_catch_ends_the_episode(cells, actions):
    runner = make(3, 1)
    runner.reset(seed=0)
    place(runner, *cells)
    _, result, episodes = runner.step(actions)
    assert result.rewards.tolist() == [1, -1] and result.terminated.all() and not result.truncated.any()
    assert [(episode.row, episode.extra) for episode in episodes] == [(0, {"caught": 1}), (1, {"caught": 1})]


def test_who_lasts_to_the_end_has_escaped():
    runner = make(3, 1)
    runner.reset(seed=0)
    place(runner, (0, 0), (1, 1))
    for actions in ((LEFT, STAY), (UP, RIGHT)):
        _, result, episodes = runner.step(actions)
        assert result.rewards.tolist() == [0, 0] and not result.terminated.any() and episodes == []
    runner.env.shows_last = True
    out, result, episodes = runner.step((STAY, RIGHT))
    assert result.rewards.tolist() == [-1, 1] and result.terminated.all() and not result.truncated.any()
    assert [(episode.row, episode.extra) for episode in episodes] == [(0, {"caught": 0}), (1, {"caught": 0})]
    assert out["obs"].tolist() == [[0, 0, 1, 0.5, 0, 0], [1, 0.5, -1, -0.5, 1, 0]]


def test_a_catch_in_the_last_step_counts():
    runner = make(2, 1)
    runner.reset(seed=0)
    place(runner, (0, 0), (1, 1))
    assert runner.step((RIGHT, STAY))[1].rewards.tolist() == [1, -1]


def test_everything_is_seen():
    runner = make(3, 1)
    assert runner.reset(seed=0)["obs"][:, 5].tolist() == [1, 1]
    place(runner, (0, 0), (2, 1))
    out = runner.step((DOWN, DOWN))[0]["obs"]
    assert out.ravel().tolist() == pytest.approx([0, 0.5, 1, 0.5, 0, 2 / 3, 1, 1, -1, -0.5, 1, 2 / 3])


def test_every_start_comes_up_equally_often_also_after_the_first_episode():
    runner = make(3, 4800)
    runner.reset(seed=0)
    for _ in range(2):
        cells = runner.env._cells @ [1, 3]
        counts = np.zeros((9, 9), int)
        np.add.at(counts, (cells[:, 0], cells[:, 1]), 1)
        assert not counts[~pursuit_value.starts(3)].any()
        assert counts[pursuit_value.starts(3)] == pytest.approx(100, abs=50)  # five standard deviations
        for _ in range(3):
            begun = runner.step(np.zeros(9600))[1].resets.all()
        assert begun
