"""Random mazes on a grid. Knows no heights, textures or rules.

A maze of n rooms by n rooms is a grid of 2n + 1 rows and columns: odd ones hold rooms, even ones the walls and the
openings between the rooms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.udmf import Grid

Cell = tuple[int, int]
"""Column and row."""


def carve_maze(num_rooms: int, loops: float, dice: Dice) -> set[Cell]:
    """The open cells of a square maze in which every room can be reached.

    Args:
        num_rooms: rooms along a side.
        loops: share of the walls that a maze without detours would have, and that are opened all the same.
    """
    open_cells = {(1, 1)}
    path = [(1, 1)]
    while path:
        steps = [step for step in _steps(path[-1], num_rooms) if step[1] not in open_cells]
        if steps:
            opening, room = dice.choice(steps)
            open_cells |= {opening, room}
            path.append(room)
        else:
            path.pop()
    return open_cells | {wall for wall in _inner_walls(num_rooms) if dice.chance(loops)}


def borders(num_rooms: int, room_size: int, wall_size: int) -> list[int]:
    """Coordinates of the columns (or rows) of a maze, 0 first."""
    sizes = [room_size if index % 2 else wall_size for index in range(2 * num_rooms + 1)]
    return [sum(sizes[:index]) for index in range(len(sizes) + 1)]


def maze_grid(borders: Sequence[int], sector_of: Mapping[Cell, int]) -> Grid:
    """The grid in which these cells belong to these sectors and all others are solid."""
    indices = range(len(borders) - 1)
    return Grid([[sector_of.get((column, row)) for column in indices] for row in indices], borders, borders)


def rooms(num_rooms: int) -> list[Cell]:
    """The cells that are open in every maze of this size."""
    return [(2 * column + 1, 2 * row + 1) for row in range(num_rooms) for column in range(num_rooms)]


def _steps(room: Cell, num_rooms: int) -> Iterator[tuple[Cell, Cell]]:
    """The opening to each neighbour of a room, and the neighbour."""
    column, row = room
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        neighbour = column + 2 * dx, row + 2 * dy
        if all(0 < index < 2 * num_rooms for index in neighbour):
            yield (column + dx, row + dy), neighbour


def _inner_walls(num_rooms: int) -> Iterator[Cell]:
    """Every place where there may be an opening between two rooms."""
    for row in range(1, 2 * num_rooms):
        for column in range(1, 2 * num_rooms):
            if column % 2 != row % 2:
                yield column, row
