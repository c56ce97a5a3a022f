"""Writes Doom levels as text (the UDMF format) from a grid of cells. Knows no rules and no scenario.

Every cell is solid or belongs to a sector, a piece of the level with its own heights, textures and light. The engine
builds what it needs for drawing from the text when it loads the level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple


class Sector(NamedTuple):
    """Looks of a part of a level; heights in map units (a player is 56 high and climbs steps of up to 24)."""

    floor: int = 0
    ceiling: int = 128
    wall_texture: str = "STONE2"
    floor_texture: str = "FLOOR0_1"
    ceiling_texture: str = "CEIL1_1"
    light: int = 192
    """0 (dark) to 255."""


class Thing(NamedTuple):
    """Something that stands in the level when it begins; angle in degrees, 0 is east, 90 is north."""

    kind: int
    x: float
    y: float
    angle: int = 0


class Grid(NamedTuple):
    """Which sector each cell belongs to; cells in a column or row share a width or height."""

    cells: Sequence[Sequence[int | None]]
    """Rows from south to north, each from west to east: an index of a sector, or None where it is solid."""
    xs: Sequence[int]
    """Borders of the columns, one more than there are."""
    ys: Sequence[int]
    """Borders of the rows, one more than there are."""

    def center(self, column: int, row: int) -> tuple[float, float]:
        """The middle of a cell."""
        return (self.xs[column] + self.xs[column + 1]) / 2, (self.ys[row] + self.ys[row + 1]) / 2


Point = tuple[int, int]


class Line(NamedTuple):
    """A border between cells of different sectors. Going from start to end, the front is on the right."""

    start: Point
    end: Point
    front: int
    back: int | None
    """None: a wall."""


def grid_lines(grid: Grid) -> list[Line]:
    """The borders of a grid, as long as they can be."""
    return [*_horizontal_lines(grid), *_vertical_lines(grid)]


def text_map(grid: Grid, sectors: Sequence[Sector], things: Sequence[Thing]) -> bytes:
    """The TEXTMAP lump of a level."""
    lines = grid_lines(grid)
    vertices = list(dict.fromkeys(point for line in lines for point in (line.start, line.end)))
    vertex_index = {point: index for index, point in enumerate(vertices)}
    blocks = ['namespace = "ZDoom";\n']
    blocks += [_block("vertex", x=float(x), y=float(y)) for x, y in vertices]
    num_sides = 0
    for line in lines:
        ends = {"v1": vertex_index[line.start], "v2": vertex_index[line.end]}
        if line.back is None:
            blocks.append(_block("linedef", **ends, sidefront=num_sides, blocking=True))
            blocks.append(_block("sidedef", sector=line.front, texturemiddle=sectors[line.front].wall_texture))
            num_sides += 1
        else:
            blocks.append(_block("linedef", **ends, sidefront=num_sides, sideback=num_sides + 1, twosided=True))
            blocks.append(_step(line.front, sectors[line.back].wall_texture))
            blocks.append(_step(line.back, sectors[line.front].wall_texture))
            num_sides += 2
    blocks += [_sector_block(sector) for sector in sectors]
    blocks += [_thing_block(thing) for thing in things]
    return "".join(blocks).encode("ascii")


def _horizontal_lines(grid: Grid) -> Iterator[Line]:
    for row, y in enumerate(grid.ys):
        below = grid.cells[row - 1] if row else [None] * len(grid.cells[0])
        above = grid.cells[row] if row < len(grid.cells) else [None] * len(grid.cells[0])
        for first, last, south, north in _runs(below, above):
            west, east = (grid.xs[first], y), (grid.xs[last], y)
            if north is not None:
                yield Line(east, west, north, south)
            elif south is not None:
                yield Line(west, east, south, None)


def _vertical_lines(grid: Grid) -> Iterator[Line]:
    columns = list(zip(*grid.cells, strict=True))
    nothing: list[int | None] = [None] * len(grid.cells)
    for column, x in enumerate(grid.xs):
        left = columns[column - 1] if column else nothing
        right = columns[column] if column < len(columns) else nothing
        for first, last, west, east in _runs(left, right):
            south, north = (x, grid.ys[first]), (x, grid.ys[last])
            if east is not None:
                yield Line(south, north, east, west)
            elif west is not None:
                yield Line(north, south, west, None)


def _runs(one: Sequence[int | None], other: Sequence[int | None]) -> Iterator[tuple[int, int, int | None, int | None]]:
    """First and last border of each stretch along which the cells of both sides stay the same, and those cells."""
    first = 0
    for pair, stretch in groupby(zip(one, other, strict=True)):
        last = first + len(list(stretch))
        if pair[0] != pair[1]:
            yield (first, last, *pair)
        first = last


def _step(sector: int, texture: str) -> str:
    """The side of a border that one can see through: shows only where the other side's floor or ceiling differs."""
    return _block("sidedef", sector=sector, texturetop=texture, texturebottom=texture)


def _sector_block(sector: Sector) -> str:
    return _block(
        "sector",
        heightfloor=sector.floor,
        heightceiling=sector.ceiling,
        texturefloor=sector.floor_texture,
        textureceiling=sector.ceiling_texture,
        lightlevel=sector.light,
    )


_ALWAYS = {
    **{f"skill{skill}": True for skill in range(1, 6)},
    **{mode: True for mode in ("single", "coop", "dm")},
    **{f"class{number}": True for number in range(1, 4)},
}


def _thing_block(thing: Thing) -> str:
    return _block("thing", type=thing.kind, x=float(thing.x), y=float(thing.y), angle=thing.angle, **_ALWAYS)


def _block(kind: str, **fields: bool | int | float | str) -> str:
    return f"{kind}\n{{\n" + "".join(f"{name} = {_literal(value)};\n" for name, value in fields.items()) + "}\n"


def _literal(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"'
    return f"{value:.3f}" if isinstance(value, float) else str(value)
