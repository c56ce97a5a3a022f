"""The scenario `battle2`: the rules of `battle` with 10 imps, in a maze of hills, yards and cellars.

Knows no engine and no reward shaping.
"""

from __future__ import annotations

from collections.abc import Iterator

from sample_factory.envs.doom.scenario.acs import behavior
from sample_factory.envs.doom.scenario.battle import battle_scripts
from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.levels import Level
from sample_factory.envs.doom.scenario.maze import carve_maze, rooms
from sample_factory.envs.doom.scenario.spawning import PLAYER_START, Area
from sample_factory.envs.doom.scenario.terrain import make_terrain
from sample_factory.envs.doom.scenario.udmf import Grid, Thing, text_map

# 10 rooms of 159 and 11 walls of 24 are as wide as `battle`, to within 2 units, and chosen for the same reasons.
_NUM_ROOMS = 10
_ROOM_SIZE = 159
_WALL_SIZE = 24
_LOOPS = 0.15

_NUM_HILLS = 7

_DECORATIONS = (30, 31, 43, 46, 47, 48, 2028, 85)
"""Numbers of columns, trees, torches, stumps and lamps, all of which stand in the way."""
_DECORATION_CHANCE = 0.4
_FROM_CENTER = 45  # leaves no gap to the wall in which anything could get stuck, and 58 units to pass by


def battle2_level(dice: Dice) -> Level:
    """A maze of many heights, lights, textures and decorations."""
    open_cells = carve_maze(_NUM_ROOMS, _LOOPS, dice)
    grid, sectors = terrain = make_terrain(open_cells, _NUM_ROOMS, _ROOM_SIZE, _WALL_SIZE, _NUM_HILLS, dice)
    start = Thing(PLAYER_START, *grid.center(*dice.choice(rooms(_NUM_ROOMS))))
    scripts = battle_scripts(Area(grid.xs[-1], terrain.highest_floor), num_imps=10)
    return Level(text_map(grid, sectors, [start, *_decorations(grid, dice)]), behavior(scripts))


def _decorations(grid: Grid, dice: Dice) -> Iterator[Thing]:
    """Something in a corner of many rooms."""
    for room in rooms(_NUM_ROOMS):
        if dice.chance(_DECORATION_CHANCE):
            x, y = grid.center(*room)
            corner = [dice.choice((-_FROM_CENTER, _FROM_CENTER)) for _ in range(2)]
            yield Thing(dice.choice(_DECORATIONS), x + corner[0], y + corner[1])
