"""Rewards that help learning but do not count as score. Knows no engine: it is told the game variables."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

_LARGEST_STEP = {"DAMAGECOUNT": 200.0, "HITCOUNT": 5.0, "HEALTH": 200.0}
"""A rocket into a crowd would otherwise be worth more than winning, and who appears where somebody stands takes a
million of his health."""
_STEPS_TO_SETTLE = 5
"""Consecutive steps with the same loaded weapon from which on holding it pays."""


class Shaping(Protocol):
    """The extra rewards of one player."""

    def start(self, variables: Sequence[float]) -> None:
        """An episode begins with these game variables."""
        ...

    # hot path
    def step(self, variables: Sequence[float]) -> float:
        """The extra reward of a step that ended with these, and did not end the episode."""
        ...


class HealthGainReward:
    """1 for every step that ends with more health than it began with, however much was gained."""

    def __init__(self, variables: Sequence[str]) -> None:
        self._index = list(variables).index("HEALTH")
        self._health = 0.0

    def start(self, variables: Sequence[float]) -> None:
        """An episode begins with these game variables."""
        self._health = variables[self._index]

    # hot path
    def step(self, variables: Sequence[float]) -> float:
        """The extra reward of a step that ended with these."""
        health = variables[self._index]
        gained = health > self._health
        self._health = health
        return 1.0 if gained else 0.0


class VariableReward:
    """Pays for each unit by which a game variable rose or fell, and for holding a good weapon.

    Nothing is paid for the step in which a dead player comes back, when every variable jumps.

    Args:
        variables: names of the values that `start` and `step` are given.
        table: see `bots_table`; weapons and variables that it names and `variables` does not are left out.
    """

    def __init__(self, variables: Sequence[str], table: Mapping[str, Any]) -> None:
        names = list(variables)
        self.table = table
        changes: Mapping[str, Mapping[str, float]] = table["delta"]
        self._paid = [
            (index, changes[name]["gain"], changes[name]["loss"], _LARGEST_STEP.get(name, math.inf))
            for index, name in enumerate(names)
            if name in changes
        ]
        self._weapon, self._ammo = names.index("SELECTED_WEAPON"), names.index("SELECTED_WEAPON_AMMO")
        self._dead = names.index("DEAD") if "DEAD" in names else None
        self._was_dead = False
        self._holding = {
            int(name.removeprefix("SELECTED_WEAPON")): value for name, value in table["selected_weapon"].items()
        }
        self._before: Sequence[float] = ()
        self._held, self._held_steps = -1.0, 0

    def start(self, variables: Sequence[float]) -> None:
        """An episode begins with these game variables."""
        self._before = variables
        self._was_dead = self._dead is not None and variables[self._dead] > 0
        self._held, self._held_steps = -1.0, 0

    # hot path
    def step(self, variables: Sequence[float]) -> float:
        """The extra reward of a step that ended with these."""
        before, self._before = self._before, variables
        reward = self._weapon_bonus(variables[self._weapon], variables[self._ammo])
        if variables == before:  # in most steps nothing happens to a player
            return reward
        if self._dead is not None:
            is_dead = variables[self._dead] > 0
            came_back, self._was_dead = self._was_dead and not is_dead, is_dead
            if came_back:
                return 0.0
        for index, gain, loss, largest in self._paid:
            change = variables[index] - before[index]
            if change > 0:
                reward += gain * min(change, largest)
            elif change < 0:
                reward += loss * min(-change, largest)
        return reward

    def _weapon_bonus(self, weapon: float, ammo: float) -> float:
        is_held = weapon == self._held and ammo > 0
        self._held, self._held_steps = weapon, self._held_steps + 1 if is_held else int(ammo > 0)
        return self._holding.get(int(weapon), 0.0) if self._held_steps >= _STEPS_TO_SETTLE else 0.0


def bots_table() -> dict[str, Any]:
    """Rewards of a player among scripted opponents or monsters, nested as `--reward_shaping` names them.

    `delta`: for each variable what one unit more (`gain`) or less (`loss`) pays; `selected_weapon`: what each step pays
    in which that weapon, with ammunition, has been held for a while.
    """
    delta = {
        "FRAGCOUNT": _change(1.0, -1.5),
        "DEATHCOUNT": _change(-0.75, 0.75),
        "HITCOUNT": _change(0.01, -0.01),
        "DAMAGECOUNT": _change(0.003, -0.003),
        "HEALTH": _change(0.005, -0.003),
        "ARMOR": _change(0.005, -0.001),
    }
    for slot, preference in enumerate(_PREFERENCES):
        delta[f"WEAPON{slot}"] = _change(0.02 * preference, -0.01 * preference)
        delta[f"AMMO{slot}"] = _change(0.0002 * preference, -0.0001 * preference)
    holding = {f"SELECTED_WEAPON{slot}": 0.0002 * preference for slot, preference in enumerate(_PREFERENCES)}
    return {"delta": delta, "selected_weapon": holding}


def self_play_table() -> dict[str, Any]:
    """Rewards of a player among learning opponents: nearly zero-sum."""
    table = bots_table()
    table["delta"] |= {
        "FRAGCOUNT": _change(1.0, -0.001),
        "DEATHCOUNT": _change(-1.0, 1.0),
        "HITCOUNT": _change(0.0, 0.0),
        "DAMAGECOUNT": _change(0.01, -0.01),
        "HEALTH": _change(0.01, -0.01),
    }
    return table


_PREFERENCES = (1, 1, 1, 5, 5, 5, 10, 10)
"""How much better the weapon of each slot is than a pistol."""


def _change(gain: float, loss: float) -> dict[str, float]:
    return {"gain": gain, "loss": loss}
