"""Scripted opponents of a match: how good they are, and how that follows the agent's success. Knows no engine.

The engine reads its bots from a file. Ours has ten of each of ten levels, `BOT_10_0` to `BOT_100_9`, whose aim,
reaction and foresight are the level itself, in percent.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_LEVELS = range(10, 101, 10)
_BOTS_PER_LEVEL = 10
_START_DIFFICULTY = 20
MAX_DIFFICULTY = 150
"""Above 100, so that nearly all bots are of the highest level."""
_STEP = 10
_SPREAD = 10.0


def bots_file() -> str:
    """The text of the engine's bots file."""
    return "\n".join(_bot(level, number) for level in _LEVELS for number in range(_BOTS_PER_LEVEL))


class BotDifficulty:
    """Chooses bots about as good as the agent: better ones after a win, worse ones after it came near the end.

    Args:
        start: 0 to 150; from 150 on it stays. None is what `--start_bot_difficulty` says it is.
    """

    def __init__(self, start: int | None = None) -> None:
        start = _START_DIFFICULTY if start is None else start
        self.mean = min(start, MAX_DIFFICULTY)
        self._is_fixed = start >= MAX_DIFFICULTY

    def draw(self, num_bots: int, rng: np.random.Generator) -> list[str]:
        """Names of bots for a match, all different."""
        levels = rng.normal(self.mean, _SPREAD, num_bots)
        rounded = np.clip(np.round(levels / 10) * 10, _LEVELS[0], _LEVELS[-1]).astype(int).tolist()
        numbers = rng.permutation(_BOTS_PER_LEVEL)[:num_bots].tolist()
        return [f"BOT_{level}_{number}" for level, number in zip(rounded, numbers, strict=True)]

    def commands(self, num_bots: int, rng: np.random.Generator) -> list[str]:
        """Commands for the engine of the host when a match begins: bots of the last one are gone or leave."""
        return ["removebots", *(f"addbot {name}" for name in self.draw(num_bots, rng))]

    def update(self, frags: Sequence[float], number: int) -> None:
        """A match has ended with these frags; the agent is player `number` (from 1)."""
        if self._is_fixed:
            return
        mine = frags[number - 1]
        others = [value for i, value in enumerate(frags) if i != number - 1]
        if mine > max(others):
            self.mean = min(self.mean + _STEP, MAX_DIFFICULTY)
        elif sum(value > mine for value in others) >= len(others) - 1:  # last or last but one
            self.mean = max(self.mean - _STEP, 0)


def _bot(level: int, number: int) -> str:
    skill = "\n".join(f"    {name} {level}" for name in ("aiming", "perfection", "reaction", "isp"))
    return f'{{\n    name BOT_{level}_{number}\n{skill}\n    color "40 cf 00"\n    skin base\n}}\n'
