"""Grids become closed levels: every border has its front on the right, and none is missing."""

from collections import Counter

import pytest

from sample_factory.envs.doom.scenario.udmf import Grid, Line, Sector, Thing, grid_lines, text_map

_X = None


def _front_is_right(grid, line):
    (x1, y1), (x2, y2) = line.start, line.end
    middle_x, middle_y = (x1 + x2) / 2, (y1 + y2) / 2
    length = abs(x2 - x1) + abs(y2 - y1)
    right = middle_x + (y2 - y1) / length, middle_y - (x2 - x1) / length
    left = middle_x - (y2 - y1) / length, middle_y + (x2 - x1) / length
    return _sector_at(grid, *right) == line.front and _sector_at(grid, *left) == line.back


def _sector_at(grid, x, y):
    if not (grid.xs[0] < x < grid.xs[-1] and grid.ys[0] < y < grid.ys[-1]):
        return None
    column = sum(border < x for border in grid.xs) - 1
    row = sum(border < y for border in grid.ys) - 1
    return grid.cells[row][column]


def test_a_room_has_four_walls():
    lines = grid_lines(Grid([[0, 0], [0, 0]], [0, 10, 30], [0, 5, 20]))
    assert set(lines) == {
        Line((0, 0), (0, 20), 0, None),
        Line((0, 20), (30, 20), 0, None),
        Line((30, 20), (30, 0), 0, None),
        Line((30, 0), (0, 0), 0, None),
    }


@pytest.mark.parametrize(
    "cells",
    [
        [[0, _X, 0], [0, 0, 0], [_X, 0, _X]],
        [[0, 1, 1], [0, 0, 1], [2, _X, 1]],
        [[_X, 0, _X], [1, _X, 2], [_X, 3, _X]],
    ],
)
def test_lines_have_their_front_on_the_right_and_enclose_what_is_open(cells):
    grid = Grid(cells, [0, 10, 30, 60], [0, 5, 20, 50])
    lines = grid_lines(grid)
    assert all(_front_is_right(grid, line) for line in lines)
    for sector in {cell for row in cells for cell in row if cell is not None}:
        ends = Counter()
        for line in lines:
            if line.front != line.back:
                ends[line.start] += (line.front == sector) - (line.back == sector)
                ends[line.end] -= (line.front == sector) - (line.back == sector)
        assert not any(ends.values()), "the border of a sector is a loop"


def test_text_lists_every_part_once():
    text = text_map(Grid([[0, 1]], [0, 64, 128], [0, 64]), [Sector(), Sector(floor=16)], [Thing(1, 32, 32)]).decode()
    counts = {kind: text.count(f"{kind}\n") for kind in ("vertex", "linedef", "sidedef", "sector", "thing")}
    assert counts == {"vertex": 6, "linedef": 7, "sidedef": 8, "sector": 2, "thing": 1}
    assert text.count("twosided = true") == 1
    assert "heightfloor = 16;" in text and "x = 32.000;" in text
