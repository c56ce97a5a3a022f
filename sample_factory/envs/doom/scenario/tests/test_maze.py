"""Mazes are closed outside and connected inside."""

import pytest

from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.maze import borders, carve_maze, rooms


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("loops", [0.0, 0.3])
def test_every_room_can_be_reached_and_nothing_outside(seed, loops):
    open_cells = carve_maze(7, loops, Dice(seed))
    reached, edge = {(1, 1)}, [(1, 1)]
    while edge:
        column, row = edge.pop()
        near = {(column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)} & open_cells - reached
        reached |= near
        edge += near
    assert reached == open_cells >= set(rooms(7))
    assert all(0 < index < 14 for cell in open_cells for index in cell)


def test_without_loops_there_is_one_way():
    assert len(carve_maze(7, 0.0, Dice(1))) == 2 * 7 * 7 - 1
    assert len(carve_maze(7, 1.0, Dice(1))) == 7 * 7 + 2 * 7 * 6


def test_borders_alternate_walls_and_rooms():
    assert borders(2, 100, 10) == [0, 10, 110, 120, 220, 230]
