"""Looks for the rooms of a maze: neighbourhoods that look alike, on hills. Knows no rules and no things.

Floors of rooms next to each other differ by what players and monsters can climb, so every room can be reached on foot
from every other, whatever walls a maze has.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.maze import Cell, borders, maze_grid, rooms
from sample_factory.envs.doom.scenario.udmf import Grid, Sector

STEP = 24
"""The most that players and monsters climb at once."""

_CEILING = 208

_LOOKS = (
    ("STARTAN3", "FLOOR4_8", "CEIL3_5", 192),
    ("STARG3", "FLOOR0_1", "CEIL5_2", 160),
    ("GSTONE1", "GRASS1", "F_SKY1", 224),
    ("BSTONE1", "RROCK13", "F_SKY1", 240),
    ("SILVER1", "FLAT14", "CEIL5_2", 176),
    ("TEKGREN2", "FLOOR3_3", "CEIL4_3", 208),
    ("ICKWALL1", "FLAT19", "CEIL3_6", 144),
    ("A-BRICK1", "FLOOR4_6", "CEIL3_3", 192),
)
"""Textures of wall, floor and ceiling, and the light; under the sky it is brighter."""


class Terrain(NamedTuple):
    """A maze with sectors."""

    grid: Grid
    sectors: list[Sector]

    @property
    def highest_floor(self) -> int:
        """The height of the highest hill."""
        return max(sector.floor for sector in self.sectors)

    def sector(self, room: Cell) -> Sector:
        """Looks of a cell that is open."""
        index = self.grid.cells[room[1]][room[0]]
        assert index is not None
        return self.sectors[index]


class Zone(NamedTuple):
    """A neighbourhood of rooms that look alike."""

    center: Cell
    wall_texture: str
    floor_texture: str
    ceiling_texture: str
    light: int


def make_terrain(
    open_cells: Collection[Cell], num_rooms: int, room_size: int, wall_size: int, num_hills: int, dice: Dice
) -> Terrain:
    """Sectors for the open cells of a maze; hills are up to 72 units high."""
    all_rooms = rooms(num_rooms)
    zones = [Zone(dice.choice(all_rooms), *look) for look in dice.shuffled(_LOOKS)]
    hills = [dice.choice(all_rooms) for _ in range(num_hills)]
    sector_of = {cell: _sector(_room_of(cell), zones, hills) for cell in sorted(open_cells)}
    sectors = list(dict.fromkeys(sector_of.values()))
    index_of = {cell: sectors.index(sector) for cell, sector in sector_of.items()}
    return Terrain(maze_grid(borders(num_rooms, room_size, wall_size), index_of), sectors)


_HILL_HEIGHT = 3 * STEP


def _sector(room: Cell, zones: list[Zone], hills: list[Cell]) -> Sector:
    zone = min(zones, key=lambda zone: _rooms_between(room, zone.center))
    floor = max(0, _HILL_HEIGHT - STEP * min(_rooms_between(room, hill) for hill in hills))
    return Sector(floor, _CEILING, zone.wall_texture, zone.floor_texture, zone.ceiling_texture, zone.light)


def _rooms_between(one: Cell, other: Cell) -> int:
    """Steps from room to room, through walls."""
    return (abs(one[0] - other[0]) + abs(one[1] - other[1])) // 2


def _room_of(cell: Cell) -> Cell:
    """The room itself, or the one to the west or south of an opening."""
    column, row = cell
    return column - (column % 2 == 0), row - (row % 2 == 0)
