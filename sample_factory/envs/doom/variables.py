"""Which game variables an environment looks at, as one list a step. Knows no engine.

The engine gives its variables in the order in which they are listed. Counters that it does not set back at the start of
an episode (which ones depends on whether it plays over the network) count from the episode's first frame here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_WEAPONS = tuple(f"WEAPON{slot}" for slot in range(8))
_AMMO = tuple(f"AMMO{slot}" for slot in range(8))
_MAX_PLAYERS = 8

BATTLE = ("SELECTED_WEAPON", "SELECTED_WEAPON_AMMO", "HEALTH", "USER2")
"""What an agent alone among monsters looks at; USER2 counts its kills."""

MATCH = (
    *BATTLE,
    "ARMOR",
    "DEATHCOUNT",
    "FRAGCOUNT",
    "HITCOUNT",
    "DAMAGECOUNT",
    "DEAD",
    "ATTACK_READY",
    "PLAYER_NUMBER",
    "PLAYER_COUNT",
    *_WEAPONS,
    *_AMMO,
    *(f"PLAYER{player}_FRAGCOUNT" for player in range(1, _MAX_PLAYERS + 1)),
)
"""What a player among others looks at."""

_COUNTERS = frozenset({"DEATHCOUNT", "HITCOUNT", "DAMAGECOUNT"})


class Variables:
    """The values of one player.

    They are a list because a step does little with them, between two steps of an engine that empties the caches: a
    handful of floats in plain Python cost a third of what as many operations on short arrays do.

    Args:
        names: those that the engine gives, in its order.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.values = [0.0] * len(self.names)
        self._is_counter = np.array([name in _COUNTERS for name in self.names], np.bool_)
        self._start: np.ndarray | None = None  # None where nothing counts

    def start(self, raw: np.ndarray) -> None:
        """An episode begins with these values of the engine, float64 [len(names)]."""
        self._start = raw * self._is_counter if self._is_counter.any() else None
        self.update(raw)

    # hot path
    def update(self, raw: np.ndarray) -> None:
        """A step ended with these values of the engine. `values` is a new list after every step."""
        self.values = (raw if self._start is None else raw - self._start).tolist()

    def index(self, name: str) -> int | None:
        """Where a variable is; None if the environment does not look at it."""
        return self.names.index(name) if name in self.names else None

    def get(self, name: str, default: float = 0.0) -> float:
        """One value, for the end of an episode."""
        index = self.index(name)
        return default if index is None else self.values[index]
