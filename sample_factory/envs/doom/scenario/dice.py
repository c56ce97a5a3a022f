"""Random choices that are the same on every machine and with every version of Python. Knows nothing about levels."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Dice:
    """Chooses by a seed.

    Of Python's generator only the sequence of `random()` after seeding with an integer is guaranteed to stay; `choice`,
    `shuffle` and `randrange` have changed before, and NumPy's generators promise nothing.
    """

    def __init__(self, seed: int) -> None:
        assert seed >= 0, "Python seeds with the absolute value"
        self._random = random.Random(seed).random

    def below(self, limit: int) -> int:
        """An integer of 0 ... limit - 1."""
        return int(self._random() * limit)

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def choice(self, items: Sequence[Item]) -> Item:
        """One of these items."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """The items in another order."""
        rest = list(items)
        return [rest.pop(self.below(len(rest))) for _ in items]
