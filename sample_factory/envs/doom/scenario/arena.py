"""The scenarios `duel` and `deathmatch`: arenas in which players shoot each other. Knows no engine and no bots.

There are no rules but the engine's: whoever starts the game hosts it with `-deathmatch` and a time limit. The engine
then brings back things that were picked up (`+sv_weaponstay 1` leaves weapons where they are). Nobody can leave the
level. A duel is for 2 players, a deathmatch for up to 8; both also work with fewer and with bots.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.levels import Level
from sample_factory.envs.doom.scenario.maze import Cell, carve_maze, rooms
from sample_factory.envs.doom.scenario.spawning import PLAYER_START
from sample_factory.envs.doom.scenario.terrain import Terrain, make_terrain
from sample_factory.envs.doom.scenario.udmf import Thing, text_map

DECORATE = ""

_DEATHMATCH_START = 11
_MAX_PLAYERS = 8

_WALL_SIZE = 32

_CLIP, _CLIP_BOX = 2007, 2048
_SHELLS, _SHELL_BOX = 2008, 2049
_ROCKET, _ROCKET_BOX = 2010, 2046
_CELL, _CELL_PACK = 2047, 17
_STIMPACK, _MEDIKIT, _HEALTH_BONUS, _SOUL_SPHERE = 2011, 2012, 2014, 2013
_GREEN_ARMOR, _BLUE_ARMOR, _ARMOR_BONUS = 2018, 2019, 2015

_PRIZES = (
    (2006, _CELL, _CELL),  # BFG 9000
    (_SOUL_SPHERE, _HEALTH_BONUS, _HEALTH_BONUS),
    (_BLUE_ARMOR, _ARMOR_BONUS, _ARMOR_BONUS),
)
"""What lies on the hills: the best in the middle of the room, the rest in its corners."""

_WEAPONS = (
    (2001, _SHELLS, _SHELLS),  # shotgun
    (2002, _CLIP, _CLIP_BOX),  # chaingun
    (82, _SHELLS, _SHELL_BOX),  # double-barrelled shotgun
    (2003, _ROCKET, _ROCKET_BOX),  # rocket launcher
    (2004, _CELL, _CELL_PACK),  # plasma gun
    (2005, _STIMPACK, _STIMPACK),  # chainsaw
)

_SUPPLIES = (
    (_MEDIKIT, _STIMPACK, _STIMPACK),
    (_GREEN_ARMOR, _ARMOR_BONUS, _ARMOR_BONUS),
    (_SHELL_BOX, _SHELLS, _HEALTH_BONUS),
    (_ROCKET_BOX, _ROCKET, _HEALTH_BONUS),
)


class _Size(NamedTuple):
    num_rooms: int
    """Along a side."""
    room_size: int
    loops: float
    """See `carve_maze`; wide open, so that nobody can hide for long."""
    num_starts: int
    """Rooms in which players (re)appear."""
    num_hills: int
    num_weapon_sets: int


def duel_level(dice: Dice) -> Level:
    """An arena for two, so small and open that each sees the other in a fifth of all steps."""
    return _level(dice, _Size(4, room_size=192, loops=0.95, num_starts=4, num_hills=1, num_weapon_sets=1))


def deathmatch_level(dice: Dice) -> Level:
    """An arena for eight."""
    return _level(dice, _Size(8, room_size=288, loops=0.6, num_starts=20, num_hills=5, num_weapon_sets=3))


def _level(dice: Dice, size: _Size) -> Level:
    open_cells = carve_maze(size.num_rooms, size.loops, dice)
    terrain = make_terrain(open_cells, size.num_rooms, size.room_size, _WALL_SIZE, size.num_hills, dice)
    things = _things(terrain, dice.shuffled(rooms(size.num_rooms)), size, dice)
    return Level(text_map(terrain.grid, terrain.sectors, things))


def _things(terrain: Terrain, free_rooms: list[Cell], size: _Size, dice: Dice) -> list[Thing]:
    """Prizes on the highest ground, then starts and weapons, and supplies in half of the rooms that are left."""
    free_rooms.sort(key=lambda room: -terrain.sector(room).floor)  # stable: chance decides among equals
    prize_rooms, free_rooms = free_rooms[: len(_PRIZES)], dice.shuffled(free_rooms[len(_PRIZES) :])
    starts, free_rooms = free_rooms[: size.num_starts], free_rooms[size.num_starts :]
    weapons = _WEAPONS * size.num_weapon_sets
    supplies = [_SUPPLIES[index % len(_SUPPLIES)] for index in range((len(free_rooms) - len(weapons)) // 2 + 1)]
    things = _starts(terrain, starts, dice)
    for room, items in zip(prize_rooms, _PRIZES, strict=True):
        things += _items(terrain, room, items)
    for room, items in zip(free_rooms, [*weapons, *supplies], strict=False):
        things += _items(terrain, room, items)
    return things


def _starts(terrain: Terrain, start_rooms: Sequence[Cell], dice: Dice) -> list[Thing]:
    places = [terrain.grid.center(*room) for room in start_rooms]
    things = [Thing(_DEATHMATCH_START, *place, dice.choice((0, 90, 180, 270))) for place in places]
    # The engine wants a start for every player of a game without deathmatch, too.
    numbers = [PLAYER_START + index if index < 4 else 4001 + index - 4 for index in range(_MAX_PLAYERS)]
    return things + [Thing(number, *place) for number, place in zip(numbers, places, strict=False)]


def _items(terrain: Terrain, room: Cell, items: Sequence[int]) -> list[Thing]:
    """The first in the middle of a room, the others towards its corners."""
    x, y = terrain.grid.center(*room)
    offsets = ((0, 0), (-72, -72), (72, 72))
    return [Thing(kind, x + dx, y + dy) for kind, (dx, dy) in zip(items, offsets, strict=True)]
