"""What the games of each pair of players say: numbers, a table and JSON. Knows no environment.

The interval is for the mean result of a game, with 1 for a win and 1/2 for a tie. It is Tango's score interval for the
difference of two dependent proportions (Statistics in Medicine 17, 1998), here the shares of games won and of games
lost. Without ties it is Wilson's interval; with them it is as narrow as it may be; even only wins or only ties leave
some doubt.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console
from rich.table import Table

from sample_factory.algorithms.appo.seats import Game
from sample_factory.config.experiment import replace_text

CONFIDENCE = 0.95
INTERVAL = "Tango's score interval (1998) for (wins + ties / 2) / episodes"
_BISECTIONS = 60
_WIDE = 10_000


class Tally(NamedTuple):
    """Games by outcome, as the row player of a table sees them."""

    wins: int
    ties: int
    losses: int

    @property
    def games(self) -> int:
        """How many, at least one."""
        return sum(self)

    @property
    def score(self) -> float:
        """Share of games won, where a tie is half a win."""
        return (self.wins + self.ties / 2) / self.games

    @property
    def interval(self) -> tuple[float, float]:
        """Limits of the score, at a confidence of 95 %."""
        low, high = score_interval(self.wins, self.losses, self.games)
        return (1 + low) / 2, (1 + high) / 2

    @property
    def mirrored(self) -> Tally:
        """As the other player sees them."""
        return Tally(self.losses, self.ties, self.wins)


Pairs = Mapping[tuple[int, int], Sequence[Game]]
"""(number of the first player, number of the second) -> their games; the first number is the smaller one."""


def tally(games: Sequence[Game]) -> Tally:
    """Count."""
    outcomes = [game.outcome for game in games]
    return Tally(outcomes.count(1), outcomes.count(0), outcomes.count(-1))


def score_interval(wins: int, losses: int, games: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Tango's limits for (probability of a win) - (probability of a loss).

    They are the differences d for which |W - L - n d| / sqrt(n (2 q + d (1 - d))) is the normal quantile, where q is
    the most likely probability of a loss if d is the difference.
    """
    quantile = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = (wins - losses) / games
    low = _crossing(wins, losses, games, quantile, -1.0, middle) if losses < games else -1.0
    high = _crossing(wins, losses, games, -quantile, middle, 1.0) if wins < games else 1.0
    return low, high


def _crossing(wins: int, losses: int, games: int, level: float, low: float, high: float) -> float:
    """Where the statistic, which falls as the difference grows, is `level`."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        low, high = (middle, high) if _statistic(wins, losses, games, middle) > level else (low, middle)
    return (low + high) / 2


def _statistic(wins: int, losses: int, games: int, difference: float) -> float:
    a = 2 * games
    b = (2 * games - wins + losses) * difference - wins - losses
    c = -losses * difference * (1 - difference)
    loss = (math.sqrt(b * b - 4 * a * c) - b) / (2 * a)
    excess = wins - losses - games * difference
    variance = games * (2 * loss + difference * (1 - difference))
    return excess / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, excess)


def as_table(names: Sequence[str], pairs: Pairs) -> Table:
    """The row player's wins/ties/losses against the column player, and its score; at least one pair must be there."""
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 3, 1, 0))
    table.add_column("")
    for name in (*names, "mean score"):
        table.add_column(name, justify="right", no_wrap=True)
    for row, name in enumerate(names):
        tallies = [_seen_by(row, column, pairs) for column in range(len(names))]
        scores = [found.score for found in tallies if found is not None]
        mean = f"{np.mean(scores):.3f}" if scores else "-"
        table.add_row(name, *("-" if found is None else _cell(found) for found in tallies), mean)
    return table


def print_table(names: Sequence[str], pairs: Pairs) -> None:
    """Print it, as wide as it is, with what it means."""
    table = as_table(names, pairs)
    wanted = Console(width=_WIDE).measure(table).maximum
    Console(width=max(wanted, Console().width), highlight=False, markup=False).print(table)
    print(
        f"row against column: wins/ties/losses, and [{CONFIDENCE:.0%} interval] of the score, with ties as half a win"
    )


def write_json(path: Path, about: Mapping[str, Any], names: Sequence[str], pairs: Pairs) -> None:
    """Write what is known; each pair stands there once, seen by `row`.

    Raises:
        ValueError: the file cannot be written.
    """
    contents = {**about, "confidence": CONFIDENCE, "interval": INTERVAL}
    contents["pairs"] = [_described(names[row], names[column], games) for (row, column), games in pairs.items()]
    try:
        replace_text(path, json.dumps(contents, indent=2) + "\n")
    except OSError as error:
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from None


def _seen_by(row: int, column: int, pairs: Pairs) -> Tally | None:
    if (row, column) in pairs:
        return tally(pairs[row, column])
    return tally(pairs[column, row]).mirrored if (column, row) in pairs else None


def _cell(found: Tally) -> str:
    low, high = found.interval
    return f"{found.wins}/{found.ties}/{found.losses}\n{found.score:.3f} [{low:.3f}, {high:.3f}]"


def _described(row: str, column: str, games: Sequence[Game]) -> dict[str, Any]:
    found = tally(games)
    sides = [tally([game for game in games if game.first_is_even == is_even]) for is_even in (True, False)]
    return {
        "row": row,
        "column": column,
        **found._asdict(),
        "score": found.score,
        "score_interval": list(found.interval),
        "row_in_even_seats": sides[0]._asdict(),
        "row_in_odd_seats": sides[1]._asdict(),
        "mean_score_in_episodes": [
            float(np.mean([game.first for game in games])),
            float(np.mean([game.second for game in games])),
        ],
    }
