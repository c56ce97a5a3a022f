"""Hills can be climbed from every side, and levels are made of open ground only."""

import pytest

from sample_factory.envs.doom.scenario.arena import _WEAPONS, _level, _Size
from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.maze import carve_maze
from sample_factory.envs.doom.scenario.terrain import STEP, make_terrain
from sample_factory.envs.doom.scenario.udmf import grid_lines


@pytest.mark.parametrize("seed", range(10))
def test_floors_of_open_neighbours_differ_by_a_step_at_most(seed):
    dice = Dice(seed)
    terrain = make_terrain(carve_maze(8, 0.5, dice), 8, 200, 24, 5, dice)
    floors = [
        (terrain.sectors[line.front].floor, terrain.sectors[line.back].floor)
        for line in grid_lines(terrain.grid)
        if line.back is not None
    ]
    assert all(abs(front - back) <= STEP for front, back in floors)
    assert any(front != back for front, back in floors)
    assert terrain.highest_floor == 3 * STEP


def test_only_what_is_open_has_a_sector():
    dice = Dice(0)
    open_cells = carve_maze(4, 0.2, dice)
    cells = make_terrain(open_cells, 4, 200, 24, 2, dice).grid.cells
    assert {(x, y) for y, row in enumerate(cells) for x, cell in enumerate(row) if cell is not None} == open_cells


@pytest.mark.parametrize("seed", range(5))
def test_an_arena_has_its_starts_and_one_of_each_weapon_for_each_set(seed):
    size = _Size(6, room_size=256, loops=0.6, num_starts=9, num_hills=2, num_weapon_sets=2)
    text = _level(Dice(seed), size).text_map.decode()
    assert text.count("type = 11;") == 9
    for kind, *_ in _WEAPONS:
        assert text.count(f"type = {kind};") == 2
    assert text.count("type = 2012;") >= 1
