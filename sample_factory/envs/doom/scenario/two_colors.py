"""The scenarios `two_colors_easy` and `two_colors_hard`: find out which of two colours is food and which is poison.

Rules: the player loses 4 health every 16 tics, which is death after 400. 16 red and 16 green balls lie at random
places. In each episode one of the colours is good, by chance: a ball of it gives 20 health (up to 100), one of the
other takes 20. A ball that has been picked up appears anew elsewhere. Pillars show the good colour: in the easy
scenario one stands in the middle of every room, so that no memory is needed, and the player starts at a random place.
In the hard one the only pillar is in the middle of the maze, and the player starts in front of it: who goes for the
balls has to remember. USER1 counts the good balls that were picked up, USER2 the bad ones. (After the scenario "two
color correlation" of Beeching et al. 2019, https://arxiv.org/abs/1904.01806; levels and numbers are our own.)
"""

from __future__ import annotations

from sample_factory.envs.doom.scenario.acs import (
    FIXED_POINT,
    USER1,
    USER2,
    Instruction,
    Kind,
    Label,
    Op,
    Script,
    Special,
    Text,
    behavior,
    call,
    every,
    push,
    repeat,
)
from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.levels import Level
from sample_factory.envs.doom.scenario.maze import borders, carve_maze, maze_grid, rooms
from sample_factory.envs.doom.scenario.spawning import PLAYER_START, Area, appear, move_activator
from sample_factory.envs.doom.scenario.udmf import Grid, Sector, Thing, text_map

_NUM_BALLS = 16  # of each colour

# Scripts. A colour is 0 or 1; what belongs to it has the number of the first plus its own.
_OPEN, _ENTER, _HUNGER = range(1, 4)
_NEW_BALL, _BALL_TAKEN = 4, 6

_GOOD_COLOR = 0  # variable of the level

_COLORS = ("Red", "Green")
_TINTS = ("[2.0, 0.2, 0.2]", "[0.2, 2.0, 0.2]")

_DECORATE = """
actor {name}Ball : CustomInventory
{{
  +INVENTORY.ALWAYSPICKUP
  Inventory.PickupMessage ""
  Translation "0:255=%[0.0, 0.0, 0.0]:{tint}"
  States
  {{
  Spawn:
    SOUL A -1 Bright
    Stop
  Pickup:
    TNT1 A 0 ACS_ExecuteAlways({taken}, 0)
    Stop
  }}
}}

actor {name}Pillar
{{
  +SOLID
  Radius 16
  Height 52
  Scale 1.3
  Translation "0:255=%[0.0, 0.0, 0.0]:{tint}"
  States
  {{
  Spawn:
    COL1 A -1 Bright
    Stop
  }}
}}
"""

DECORATE = "".join(
    _DECORATE.format(name=_COLORS[color], tint=_TINTS[color], taken=_BALL_TAKEN + color) for color in (0, 1)
)


def easy_level(dice: Dice) -> Level:
    """A hall of many passages with pillars everywhere."""
    return _level(dice, num_rooms=4, loops=0.6, is_easy=True)


def hard_level(dice: Dice) -> Level:
    """A maze with one pillar."""
    return _level(dice, num_rooms=5, loops=0.2, is_easy=False)


# The walls are thinner than whatever appears at random, so nothing finds room inside of one.
_ROOM_SIZE = 224
_WALL_SIZE = 24
_TO_PILLAR = 80  # from the start, in the hard scenario

_LOOKS = (
    ("STONE2", "FLOOR0_1", "CEIL1_1"),
    ("CEMENT7", "FLAT1", "CEIL5_1"),
    ("GRAY7", "FLOOR0_3", "CEIL5_1"),
    ("SILVER1", "FLAT14", "CEIL5_2"),
)
"""Textures of wall, floor and ceiling, neither red nor green."""


def _level(dice: Dice, num_rooms: int, loops: float, is_easy: bool) -> Level:
    sector = Sector(0, 128, *dice.choice(_LOOKS))
    grid = maze_grid(borders(num_rooms, _ROOM_SIZE, _WALL_SIZE), dict.fromkeys(carve_maze(num_rooms, loops, dice), 0))
    cells = rooms(num_rooms) if is_easy else [(num_rooms, num_rooms)]  # the middle, for an odd number of rooms
    pillars = [grid.center(*cell) for cell in cells]
    side = dice.choice(((1, 0, 180), (-1, 0, 0), (0, 1, 270), (0, -1, 90)))
    x, y = pillars[0][0] + side[0] * _TO_PILLAR, pillars[0][1] + side[1] * _TO_PILLAR
    return Level(
        text_map(grid, [sector], [Thing(PLAYER_START, x, y, side[2])]),
        behavior(_scripts(grid, pillars, starts_anywhere=is_easy)),
    )


def _scripts(grid: Grid, pillars: list[tuple[float, float]], starts_anywhere: bool) -> list[Script]:
    area = Area(grid.xs[-1])
    hungry: list[Instruction] = [(Op.SPECIAL_2_DIRECT, Special.DAMAGE, 4, 0)]
    scripts = [
        Script(_OPEN, _open_code(pillars), Kind.OPEN),
        Script(_HUNGER, every(16, hungry), Kind.ENTER),
    ]
    if starts_anywhere:
        scripts.append(Script(_ENTER, [*move_activator(area), (Op.TERMINATE,)], Kind.ENTER))
    for color, name in enumerate(_COLORS):
        scripts.append(Script(_NEW_BALL + color, [*appear(f"{name}Ball", area), (Op.TERMINATE,)]))
        scripts.append(Script(_BALL_TAKEN + color, _ball_taken_code(color)))
    return scripts


def _open_code(pillars: list[tuple[float, float]]) -> list[Instruction]:
    green, done = Label(), Label()
    return [
        *repeat(_NUM_BALLS, [call(_NEW_BALL), call(_NEW_BALL + 1)], counter=0),
        (Op.RANDOM_DIRECT, 0, 1),
        (Op.SET_MAP, _GOOD_COLOR),
        (Op.PUSH_MAP, _GOOD_COLOR),
        (Op.GO_TO_IF, green),
        *_stand(f"{_COLORS[0]}Pillar", pillars),
        (Op.GO_TO, done),
        green,
        *_stand(f"{_COLORS[1]}Pillar", pillars),
        done,
        (Op.TERMINATE,),
    ]


def _stand(class_name: str, places: list[tuple[float, float]]) -> list[Instruction]:
    """Things of this class appear at these places."""
    code: list[Instruction] = []
    for place in places:
        x, y = (int(coordinate * FIXED_POINT) for coordinate in place)
        code += [*push(Text(class_name), x, y, 0, 0, 0), (Op.SPAWN,), (Op.DROP,)]
    return code


def _ball_taken_code(color: int) -> list[Instruction]:
    bad, done = Label(), Label()
    return [
        *[(Op.PUSH_MAP, _GOOD_COLOR), *push(color), (Op.EQUAL,), (Op.GO_TO_IF_NOT, bad)],
        (Op.SPECIAL_2_DIRECT, Special.HEAL, 20, 100),
        (Op.INCREMENT_GLOBAL, USER1),
        (Op.GO_TO, done),
        bad,
        (Op.SPECIAL_2_DIRECT, Special.DAMAGE, 20, 0),
        (Op.INCREMENT_GLOBAL, USER2),
        done,
        call(_NEW_BALL + color),
        (Op.TERMINATE,),
    ]
