"""Plans of maps: rows of characters from a random generator. Knows nothing about levels or what places are for.

Every plan gives the cells and, in rows of the same size, the areas; `layout` explains the characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from random import Random

Plan = tuple[list[str], list[str]]

_FOUR_POSITIONS = ("*******", "* O O *", "* O O *", "*     *", "*  P  *", "*******")
_TWO_AREAS = ("*********", "*O  *  O*", "*       *", "*O     O*", "*       *", "*   P   *", "*********")
_QUESTION = ("*********", "* S S S *", "*       *", "*O     O*", "*       *", "*       *", "*   P   *", "*********")
_SAMPLE = ("*********", "*   S   *", "*       *", "* O   O *", "*       *", "*   P   *", "*********")
_SCREEN = ("*******", "*O   O*", "*     *", "*     *", "*  P  *", "*******")


def _fixed(rows: Sequence[str], random: Random) -> Plan:
    return list(rows), ["." * len(row) for row in rows]


def _two_areas(random: Random) -> Plan:
    half = len(_TWO_AREAS[0]) // 2
    return list(_TWO_AREAS), ["A" * half + "." + "B" * half for _ in _TWO_AREAS]


def _rooms(count: int, random: Random) -> Plan:
    """Rooms of 3 by 2 cells with a door each, on one or both sides of a hall."""
    columns = 2 if count <= 4 else 3
    wall, door = "*" + "****" * columns, "*" + "* **" * columns
    upper = ["*" + "O O*" * columns, "*" + "   *" * columns]
    hall = "*" + "P".center(4 * columns - 1) + "*"
    letters = [chr(ord("A") + index) for index in range(count)]
    areas = ["." + "".join(letter * 3 + "." for letter in letters[i : i + columns]) for i in range(0, count, columns)]
    rows, variations = [wall, *upper, door, hall], ["." * len(wall), areas[0], areas[0], "." * len(wall)]
    variations.append("." * len(wall))
    if count > columns:
        rows += [door, *reversed(upper)]
        variations += ["." * len(wall), areas[1], areas[1]]
    return [*rows, wall], [*variations, "." * len(wall)]


def _maze(size: int, loops: int, random: Random) -> Plan:
    """A maze without dead areas, with some of its inner walls taken out; `size` is odd."""
    cells = [["*"] * size for _ in range(size)]
    path = [(random.randrange(1, size, 2), random.randrange(1, size, 2))]
    cells[path[0][1]][path[0][0]] = " "
    while path:
        x, y = path[-1]
        ways = [(dx, dy) for dx, dy in ((0, -2), (0, 2), (-2, 0), (2, 0)) if _is_solid(cells, x + dx, y + dy)]
        if not ways:
            path.pop()
            continue
        dx, dy = random.choice(ways)
        cells[y + dy // 2][x + dx // 2] = cells[y + dy][x + dx] = " "
        path.append((x + dx, y + dy))
    for _ in range(loops):
        x, y = random.randrange(1, size - 1), random.randrange(1, size - 1)
        cells[y][x] = " "
    middle = size // 2
    areas = ["".join("AB"[x > middle] if y <= middle else "CD"[x > middle] for x in range(size)) for y in range(size)]
    return ["".join(row) for row in cells], areas


def _is_solid(cells: list[list[str]], x: int, y: int) -> bool:
    return 0 < x < len(cells) and 0 < y < len(cells) and cells[y][x] == "*"


def _arena(size: int, pillars: int, random: Random) -> Plan:
    """An open square with a few pillars, none beside another."""
    cells = [["*"] * size, *[["*", *" " * (size - 2), "*"] for _ in range(size - 2)], ["*"] * size]
    for _ in range(pillars):
        cells[random.randrange(2, size - 2, 2)][random.randrange(2, size - 2, 2)] = "*"
    return ["".join(row) for row in cells], ["." * size for _ in range(size)]


PLANS: dict[str, Callable[[Random], Plan]] = {
    "four positions": partial(_fixed, _FOUR_POSITIONS),
    "two areas": _two_areas,
    "two rooms": partial(_rooms, 2),
    "four rooms": partial(_rooms, 4),
    "six rooms": partial(_rooms, 6),
    "question": partial(_fixed, _QUESTION),
    "sample": partial(_fixed, _SAMPLE),
    "screen": partial(_fixed, _SCREEN),
    "small maze": partial(_maze, 11, 10),
    "large maze": partial(_maze, 17, 30),
    "small arena": partial(_arena, 9, 3),
    "large arena": partial(_arena, 15, 12),
}
