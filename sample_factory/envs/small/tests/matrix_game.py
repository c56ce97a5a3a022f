"""Two-player zero-sum games in matrix form, solved exactly. Knows no environment."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

_TINY = 1e-12


class Solution(NamedTuple):
    """What an equilibrium is worth, and one of them."""

    value: float  # what the row player expects
    rows: np.ndarray  # [num_rows] probabilities
    columns: np.ndarray  # [num_columns] probabilities


def solve(payoffs: np.ndarray) -> Solution:
    """The equilibrium of a game in which the row player gets `payoffs` [num_rows, num_columns], the other one minus it.

    With all payoffs positive, 1 / value is the largest sum of y >= 0 with payoffs @ y <= 1; y * value is the column
    player's strategy and the dual solution that of the row player. It is found by the simplex method, which Bland's
    rule keeps from going in circles.
    """
    shift = 1 - payoffs.min()
    num_rows, num_columns = payoffs.shape
    table = np.zeros((num_rows + 1, num_columns + num_rows + 1))
    table[:-1] = np.hstack([payoffs + shift, np.eye(num_rows), np.ones((num_rows, 1))])
    table[-1, :num_columns] = -1
    basis = np.arange(num_columns, num_columns + num_rows)
    while (improving := np.flatnonzero(table[-1, :-1] < -_TINY)).size:
        column = improving[0]
        limits = np.full(num_rows, np.inf)
        np.divide(table[:-1, -1], table[:-1, column], out=limits, where=table[:-1, column] > _TINY)
        tied = np.flatnonzero(limits <= limits.min() + _TINY)
        row = tied[np.argmin(basis[tied])]
        basis[row] = column
        pivot = table[row] / table[row, column]
        table -= np.outer(table[:, column], pivot)
        table[row] = pivot
    weights = np.zeros(num_columns + num_rows)
    weights[basis] = table[:-1, -1]
    value = 1 / table[-1, -1]
    return Solution(value - shift, table[-1, num_columns:-1] * value, weights[:num_columns] * value)


def is_equilibrium(payoffs: np.ndarray, solution: Solution) -> bool:
    """Whether the rows guarantee the value, the columns guarantee no more, and both are probabilities: the proof."""
    value, rows, columns = solution
    mixes = all((mix > -1e-9).all() and abs(mix.sum() - 1) < 1e-9 for mix in (rows, columns))
    return mixes and (rows @ payoffs).min() > value - 1e-9 and (payoffs @ columns).max() < value + 1e-9
