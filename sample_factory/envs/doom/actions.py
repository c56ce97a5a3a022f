"""Action spaces of Doom environments and the button rows they stand for. Knows neither the engine nor any scenario.

An action space is a list of components: a `ButtonChoice` presses at most one of its buttons and a `DiscretizedDelta`
moves one analogue button by a fixed amount, both chosen by an integer; a `Delta` moves one by the number it is given.
One component gives a Discrete space or a Box, several give a Tuple.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import gymnasium as gym
import numpy as np


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


@dataclass(frozen=True)
class Delta:
    """One analogue button, moved by `largest` times a number from -1 to 1 (degrees per tic for turning)."""

    name: str
    largest: float

    @property
    def names(self) -> tuple[str, ...]:
        """The one button that this component moves."""
        return (self.name,)


Component = ButtonChoice | DiscretizedDelta | Delta


class ActionTable:
    """Every discrete action's row of button values, worked out once; components with a Delta must come last."""

    def __init__(self, components: Sequence[Component]) -> None:
        assert components
        per_component = [component.rows for component in components if not isinstance(component, Delta)]
        deltas = [component for component in components if isinstance(component, Delta)]
        assert list(components[len(per_component) :]) == deltas
        self.buttons = tuple(name for component in components for name in component.names)
        self.sizes = tuple(len(rows) for rows in per_component)
        spaces: list[gym.Space[Any]] = [gym.spaces.Discrete(size) for size in self.sizes]
        spaces += [gym.spaces.Box(-1.0, 1.0, (1,), np.float32) for _ in deltas]
        self.space: gym.Space[Any] = spaces[0] if len(spaces) == 1 else gym.spaces.Tuple(spaces)
        choices = itertools.product(*(range(size) for size in self.sizes))
        rows = [list(itertools.chain.from_iterable(parts)) for parts in itertools.product(*per_component)]
        self._rows: dict[Any, list[float]] = dict(zip(choices, rows, strict=True))
        if len(spaces) == 1 and not deltas:
            self._rows = {choice: row for (choice,), row in self._rows.items()}
        self._largest = [delta.largest for delta in deltas]
        self._is_single = len(spaces) == 1

    # hot path
    def row(self, action: Any) -> list[float]:
        """Values of `buttons` for a member of `space`; the list may be shared and must not be changed."""
        if self._largest:
            return self._row_with_deltas(action)
        # One look-up: between two steps of an engine every operation costs.
        row = self._rows.get(int(action) if self._is_single else tuple(action))
        if row is None:
            raise ValueError(f"{action} is not an action of {self.space}")
        return row

    def _row_with_deltas(self, action: Any) -> list[float]:
        parts = (action,) if self._is_single else tuple(action)
        choice, turns = parts[: len(self.sizes)], parts[len(self.sizes) :]
        if choice not in self._rows or len(turns) != len(self._largest):
            raise ValueError(f"{action} is not an action of {self.space}")
        return self._rows[choice] + [
            largest * float(turn[0]) for largest, turn in zip(self._largest, turns, strict=True)
        ]


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

_STRAFE_RIGHT_FIRST = ButtonChoice(("MOVE_RIGHT", "MOVE_LEFT"))
_SPRINT = ButtonChoice(("SPEED",))
_TURN_BUTTON = "TURN_LEFT_RIGHT_DELTA"
_RUN_AND_GUN = (_WALK, _STRAFE_RIGHT_FIRST, _ATTACK, _SPRINT)

BATTLE = (*_RUN_AND_GUN, DiscretizedDelta(_TURN_BUTTON, 11, -10.0, 10.0))


def match_actions(with_use: bool) -> tuple[Component, ...]:
    """All that a player of a match needs: moves, weapons 1 to 7, turning in 21 steps, and doors if asked for."""
    weapons = ButtonChoice(tuple(f"SELECT_WEAPON{slot}" for slot in range(1, 8)))
    use = (ButtonChoice(("USE",)),) if with_use else ()
    turn = DiscretizedDelta(_TURN_BUTTON, 21, -12.5, 12.5)
    return (_WALK, _STRAFE_RIGHT_FIRST, weapons, _ATTACK, _SPRINT, *use, turn)


MATCH_WITH_CONTINUOUS_TURNING = (
    _WALK,
    _STRAFE_RIGHT_FIRST,
    ButtonChoice(("SELECT_PREV_WEAPON", "SELECT_NEXT_WEAPON")),
    _ATTACK,
    _SPRINT,
    Delta(_TURN_BUTTON, 7.5),
)


def flat(*names: str) -> tuple[Component, ...]:
    """One Discrete: nothing, or exactly one of these buttons."""
    return (ButtonChoice(names),)
