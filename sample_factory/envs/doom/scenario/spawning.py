"""Pieces of scripts that put things at random places while the game runs. Knows no scenario."""

from __future__ import annotations

from typing import NamedTuple

from sample_factory.envs.doom.scenario.acs import ACTIVATOR, FIXED_POINT, Instruction, Label, Op, Text, Word, push

PLAYER_START = 1
"""The kind of thing that marks where the player starts; every level must have one."""

_MARGIN = 16  # nothing has room nearer to the outer wall


class Area(NamedTuple):
    """The square in which things appear."""

    size: int
    """Side in map units; the south-western corner is 0, 0."""
    height: int = 0
    """Of the highest floor: things appear there and fall. Where there is no room they are put elsewhere."""


def appear(class_name: str, area: Area, tid: Word | None = None) -> list[Instruction]:
    """A thing appears at a random place with a random angle.

    Args:
        tid: local variable that holds the number by which scripts find the thing.
    """
    again = Label()
    return [
        again,
        *push(Text(class_name)),
        *_somewhere(area),
        (Op.PUSH, 0) if tid is None else (Op.PUSH_LOCAL, tid),
        (Op.RANDOM_DIRECT, 0, 255),
        (Op.SPAWN,),
        (Op.GO_TO_IF_NOT, again),
    ]


def move_activator(area: Area) -> list[Instruction]:
    """Whoever set off the script goes to a random place and turns to a random angle."""
    again = Label()
    return [
        again,
        *push(ACTIVATOR),
        *_somewhere(area),
        *push(0),
        (Op.SET_ACTOR_POSITION,),
        (Op.GO_TO_IF_NOT, again),
        *push(ACTIVATOR),
        (Op.RANDOM_DIRECT, 0, FIXED_POINT - 1),
        (Op.SET_ACTOR_ANGLE,),
    ]


def _somewhere(area: Area) -> list[Instruction]:
    """Puts x, y and z of a random place on the stack."""
    anywhere = (Op.RANDOM_DIRECT, _MARGIN * FIXED_POINT, (area.size - _MARGIN) * FIXED_POINT)
    return [anywhere, anywhere, *push(area.height * FIXED_POINT)]
