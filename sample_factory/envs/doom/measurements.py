"""The observation "measurements": what a player would read off the HUD, as 23 numbers. Knows no engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import gymnasium as gym
import numpy as np


class _Entry(NamedTuple):
    variable: str
    scale: float
    low: float
    high: float  # of what is written
    absent: float = 0.0  # where the environment has no such variable
    declared_high: float = 0.0


_SLOTS = range(8)
_ENTRIES = (
    _Entry("SELECTED_WEAPON", 1, 0, 20),
    _Entry("SELECTED_WEAPON_AMMO", 1 / 15, 0, 5, declared_high=50),
    _Entry("HEALTH", 1 / 30, 0, 50),
    _Entry("ARMOR", 1 / 30, -1, 50),
    _Entry("USER2", 1 / 10, -50, 50),
    _Entry("ATTACK_READY", 1, 0, 1),
    _Entry("PLAYER_COUNT", 1 / 5, 0, 10, absent=1 / 5),
    *(_Entry(f"WEAPON{slot}", 1, 0, 5) for slot in _SLOTS),
    *(_Entry(f"AMMO{slot}", 1 / 15, 0, 5, declared_high=50) for slot in _SLOTS),
)
NUM_MEASUREMENTS = len(_ENTRIES)


def measurements_space() -> gym.spaces.Box:
    """Box [23] of float32.

    In this order: number of the selected weapon, its ammunition / 15, health / 30, armor / 30, kills / 10, whether a
    shot is possible, players / 5, then for each of eight slots the weapons held, then for each the ammunition / 15.
    """
    low = np.array([entry.low for entry in _ENTRIES], np.float32)
    # Published policies were trained with these bounds, some of which are wider than what is ever written.
    high = np.array([max(entry.high, entry.declared_high) for entry in _ENTRIES], np.float32)
    return gym.spaces.Box(low, high, dtype=np.float32)


class Measurements:
    """Writes the numbers of one environment.

    Args:
        variables: names of the values that `write` is given.
    """

    def __init__(self, variables: Sequence[str]) -> None:
        names = list(variables)
        self._present = [
            (place, names.index(entry.variable), entry.scale, entry.low, entry.high)
            for place, entry in enumerate(_ENTRIES)
            if entry.variable in names
        ]
        self._row = np.array([entry.absent for entry in _ENTRIES], np.float32)
        self._read: Sequence[float] = ()

    # hot path
    def write(self, variables: Sequence[float], row: np.ndarray) -> None:
        """Write what these variables mean into `row`, float32 [23]; numbers out of bounds are cut."""
        if variables != self._read:  # in most steps nothing happens to a player
            self._read = variables
            for place, index, scale, low, high in self._present:
                value = variables[index] * scale
                self._row[place] = low if value < low else high if value > high else value
        row[:] = self._row
