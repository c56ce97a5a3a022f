"""Two agents meet as fast as documented, and no faster. Knows no policy."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.registry import make_batched
from sample_factory.envs.small.grid import DOWN, LEFT, MOVES, RIGHT, STAY, UP
from sample_factory.envs.tests.envs_for_tests import Runner


def make(size, num_envs):
    return Runner(make_batched(f"meeting_{size}", SimpleNamespace(), num_envs))


def place(runner, *cells):
    """Put the agents of game 0 into these cells (column, row)."""
    runner.env._cells[0] = cells


def best_actions(out, size):
    """What the docstring says is optimal, from the agents' own observations [num_rows, 5]."""
    dx, dy = np.rint(out[:, 2:4] * (size - 1)).T
    is_second = out[:, 4] == 1
    sideways, upright = np.where(dx > 0, RIGHT, LEFT), np.where(dy > 0, DOWN, UP)
    waits = is_second & (np.abs(dx) + np.abs(dy) == 1)
    return np.where(waits, STAY, np.where(np.where(is_second, dy == 0, dx != 0), sideways, upright))


def times_to_meet(size, num_envs=4000, seed=0):
    """Steps to the first meeting [num_envs] and returns [num_envs, 2], under the optimal policy."""
    runner = make(size, num_envs)
    out = runner.reset(seed)["obs"]
    times, returns, playing = np.zeros(num_envs), np.zeros((num_envs, 2)), np.ones(num_envs, bool)
    while playing.any():
        stored, result, _ = runner.step(best_actions(out, size))
        returns += result.rewards.reshape(-1, 2) * playing[:, None]
        times += playing
        playing &= ~result.terminated.reshape(-1, 2)[:, 0]
        out = stored["obs"]
    return times, returns


def all_pairs(size):
    cells = list(itertools.product(range(size), repeat=2))
    return [abs(a - c) + abs(b - d) for (a, b), (c, d) in itertools.permutations(cells, 2)]


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8])
def test_the_formula_of_the_optimum_is_the_mean_over_all_pairs(size):
    num_cells = size**2
    odd = 2 * -(-num_cells // 2) * (num_cells // 2) / (num_cells * (num_cells - 1))
    assert np.mean(np.ceil(np.array(all_pairs(size)) / 2)) == pytest.approx(size / 3 + odd / 2)


@pytest.mark.parametrize(("size", "best"), [(4, 0.85), (8, 0.7599)])
def test_the_optimal_policy_gets_the_optimum(size, best):
    times, returns = times_to_meet(size)
    np.testing.assert_allclose(returns, np.repeat(1 - (times[:, None] - 1) / size, 2, axis=1), atol=1e-5)
    assert returns.mean() == pytest.approx(best, abs=5 * returns[:, 0].std() / np.sqrt(len(returns)))


def test_no_joint_action_shortens_the_distance_by_more_than_two():
    offsets = np.array(list(itertools.product(range(-3, 4), repeat=2)))
    before = np.abs(offsets).sum(1)
    for mine, other in itertools.product(MOVES, repeat=2):
        assert (before - np.abs(offsets + other - mine).sum(1)).max() <= 2


def test_starts_are_different_cells_and_every_pair_comes_up():
    cells = make(2, 4000).reset(seed=0)["obs"][:, :2].reshape(-1, 4)
    pairs, counts = np.unique(cells, axis=0, return_counts=True)
    assert len(pairs) == 12 and counts.min() > 4000 / 12 * 0.75
    assert (pairs[:, :2] != pairs[:, 2:]).any(axis=1).all()


def test_agents_that_change_places_have_not_met():
    runner = make(3, 1)
    runner.reset(seed=0)
    place(runner, (0, 0), (1, 0))
    out, result, _ = runner.step([RIGHT, LEFT])
    assert not result.terminated.any() and result.rewards.tolist() == pytest.approx([-1 / 3] * 2)
    assert out["obs"].tolist() == [[0.5, 0, -0.5, 0, 0], [0, 0, 0.5, 0, 1]]
    _, result, episodes = runner.step([STAY, RIGHT])
    assert result.terminated.all() and result.rewards.tolist() == [1, 1] and [e.row for e in episodes] == [0, 1]


def test_nobody_leaves_the_grid():
    runner = make(3, 1)
    runner.reset(seed=0)
    place(runner, (0, 0), (2, 2))
    for actions in ([LEFT, RIGHT], [UP, DOWN]):
        out, _, _ = runner.step(actions)
        assert out["obs"][:, :2].tolist() == [[0, 0], [1, 1]]


def test_both_agents_are_cut_at_the_limit():
    runner = make(2, 1)
    runner.reset(seed=0)
    results = [runner.step([STAY, STAY])[1] for _ in range(8)]
    assert [result.truncated.tolist() for result in results] == [[False] * 2] * 7 + [[True] * 2]
    assert results[-1].valid.all()
