"""Agents on a square grid: how they move and how they are drawn. Knows no rule about what they want."""

from __future__ import annotations

import numpy as np

STAY, LEFT, RIGHT, UP, DOWN = range(5)
# Change of (column, row) per action.
MOVES = np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]], np.int32)


# hot path
def move(cells: np.ndarray, actions: np.ndarray, size: int) -> None:
    """Move everybody in place at once; nobody leaves the grid.

    Args:
        cells: [..., 2] (column, row), int32.
        actions: [...], see `MOVES`.
    """
    cells += MOVES[actions]
    np.clip(cells, 0, size - 1, out=cells)


def draw(cells: np.ndarray, names: str, size: int) -> str:
    """One character per cell: a point, the name of the agent there, or X for several; `cells` [agents, 2]."""
    lines = [["."] * size for _ in range(size)]
    for name, (column, row) in zip(names, cells.tolist(), strict=True):
        lines[row][column] = "X" if lines[row][column] != "." else name
    return "\n".join("".join(line) for line in lines)
