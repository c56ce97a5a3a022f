"""What states of the pursuit are worth, by backward induction. Knows the rules, and not the environment's code."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

from sample_factory.envs.small.grid import MOVES
from sample_factory.envs.small.tests.matrix_game import Solution, is_equilibrium, solve

Stage = Callable[[np.ndarray], float]
"""The value of a state from the catch probabilities of what can follow [pursuer's action, evader's action]."""


def starts(size: int) -> np.ndarray:
    """Which pairs of cells [size^2, size^2] an episode can start in; a cell is column + size * row."""
    columns, rows = np.arange(size**2) % size, np.arange(size**2) // size
    distances = np.abs(columns[:, None] - columns) + np.abs(rows[:, None] - rows)
    return distances >= 2


def induce(size: int, stage: Stage) -> np.ndarray:
    """The probability of a catch at the start, by the cells of pursuer and evader [size^2, size^2]."""
    values = _when_time_is_up(size)
    for _ in range(2 * size - 3):
        worth = np.ones_like(values)
        for cells, following in _states(size, values):
            worth[cells] = stage(following)
        values = worth
    return values


def optimal_play(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The equilibrium, each state of which is checked.

    Returns:
        The catch probability [steps left, pursuer's cell, evader's cell], from 0 steps left, and the probabilities of
        the pursuer's and the evader's actions [steps left, pursuer's cell, evader's cell, 5].
    """
    values = [_when_time_is_up(size)]
    mixes = np.zeros((2, 2 * size - 2, size**2, size**2, 5))
    for left in range(1, 2 * size - 2):
        worth = np.ones_like(values[0])
        for cells, following in _states(size, values[-1]):
            solution = equilibrium(following)
            worth[cells] = solution.value
            mixes[0, left][cells], mixes[1, left][cells] = solution.rows, solution.columns
        values.append(worth)
    return np.array(values), mixes[0], mixes[1]


def equilibrium(following: np.ndarray) -> Solution:
    """Of one state, checked."""
    solution = solve(following)
    assert is_equilibrium(following, solution)
    return solution


def _when_time_is_up(size: int) -> np.ndarray:
    return np.where(starts(size), 0.0, 1.0)


def _states(size: int, values: np.ndarray) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """Every state that is not the end, and the values of what can follow."""
    cells = np.array(list(itertools.product(range(size), repeat=2)))[:, ::-1]  # (column, row)
    moved = np.clip(cells[:, None] + MOVES, 0, size - 1)
    next_cells = moved[..., 0] + size * moved[..., 1]
    for pursuer, evader in np.argwhere(starts(size)).tolist():
        yield (pursuer, evader), values[np.ix_(next_cells[pursuer], next_cells[evader])]
