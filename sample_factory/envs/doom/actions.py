"""Action spaces of Doom environments and the button rows they stand for. Knows neither the engine nor any scenario.

An action space is a list of components, each one integer of the agent: a `ButtonChoice` presses at most one of its
buttons, a `DiscretizedDelta` moves one analogue button by a fixed amount. One component gives a Discrete space, several
give a Tuple.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium as gym


@dataclass(frozen=True)
class ButtonChoice:
    """Value 0 presses nothing, value i presses the i-th button."""

    names: tuple[str, ...]

    @property
    def rows(self) -> list[list[float]]:
        """Button values, one row per value of the component."""
        return [
            [float(column == value - 1) for column in range(len(self.names))] for value in range(len(self.names) + 1)
        ]


@dataclass(frozen=True)
class DiscretizedDelta:
    """`size` evenly spaced values of one analogue button, from `low` to `high` (degrees per tic for turning)."""

    name: str
    size: int
    low: float
    high: float

    def __post_init__(self) -> None:
        if self.size < 2:
            raise ValueError(f"a discretized delta needs at least 2 values, not {self.size}")

    @property
    def names(self) -> tuple[str, ...]:
        """The one button that this component moves."""
        return (self.name,)

    @property
    def rows(self) -> list[list[float]]:
        """Button values, one row per value of the component."""
        step = (self.high - self.low) / (self.size - 1)
        return [[self.low + step * value] for value in range(self.size)]


Component = ButtonChoice | DiscretizedDelta


class ActionTable:
    """Every action's row of button values, worked out once."""

    def __init__(self, components: Sequence[Component]) -> None:
        assert components
        per_component = [component.rows for component in components]
        self.buttons = tuple(name for component in components for name in component.names)
        self.sizes = tuple(len(rows) for rows in per_component)
        spaces = [gym.spaces.Discrete(size) for size in self.sizes]
        self.space: gym.Space[Any] = spaces[0] if len(spaces) == 1 else gym.spaces.Tuple(spaces)
        # The last component varies fastest, as `row` counts.
        self._rows = [list(itertools.chain.from_iterable(parts)) for parts in itertools.product(*per_component)]
        self._is_single = len(spaces) == 1

    # hot path
    def row(self, action: Any) -> list[float]:
        """Values of `buttons` for a member of `space`; the list is shared and must not be changed."""
        if self._is_single:
            return self._rows[int(action)]
        index = 0
        for size, value in zip(self.sizes, action, strict=True):
            index = index * size + int(value)
        return self._rows[index]


@cache
def action_table(components: tuple[Component, ...]) -> ActionTable:
    """The table of these components, shared by all environments of the process (large ones have thousands of rows)."""
    return ActionTable(components)


_TURN = ButtonChoice(("TURN_LEFT", "TURN_RIGHT"))
_WALK = ButtonChoice(("MOVE_FORWARD", "MOVE_BACKWARD"))
_STRAFE = ButtonChoice(("MOVE_LEFT", "MOVE_RIGHT"))
_ATTACK = ButtonChoice(("ATTACK",))

BASIC = (_TURN, _WALK)
TURN_AND_ATTACK = (_TURN, _ATTACK)
EXTENDED = (_TURN, _WALK, _STRAFE, _ATTACK)


def flat(*names: str) -> tuple[Component, ...]:
    """One Discrete: nothing, or exactly one of these buttons."""
    return (ButtonChoice(names),)
