"""Opponents follow the agent's success."""

import numpy as np
import pytest

from sample_factory.envs.doom.bots import BotDifficulty, bots_file


def test_every_bot_that_is_drawn_is_in_the_file():
    text, rng = bots_file(), np.random.default_rng(0)
    for mean in (0, 20, 100, 150):
        for name in BotDifficulty(mean).draw(7, rng):
            assert f"name {name}\n" in text


def test_bots_of_a_match_differ():
    names = BotDifficulty(100).draw(7, np.random.default_rng(0))
    assert len(set(names)) == 7


def test_better_bots_are_drawn_at_higher_difficulty():
    def level(mean: int) -> float:
        names = BotDifficulty(mean).draw(10, np.random.default_rng(1))
        return float(np.mean([int(name.split("_")[1]) for name in names]))

    assert level(10) < level(50) < level(90) < level(150) == 100


@pytest.mark.parametrize(
    ("frags", "number", "mean"),
    [
        ([5, 3, 1, 0], 1, 30),  # won
        ([5, 5, 1, 0], 1, 20),  # a tie at the top is no win
        ([3, 5, 1, 0], 1, 20),
        ([1, 5, 3, 0], 1, 10),  # last but one
        ([0, 5, 3, 1], 1, 10),
        ([0, 5, 3, 9], 4, 30),
        ([1, 2], 1, 10),
        ([2, 1], 1, 30),
    ],
)
def test_difficulty_follows_the_place(frags, number, mean):
    bots = BotDifficulty()
    bots.update(frags, number)
    assert bots.mean == mean


def test_difficulty_has_bounds_and_the_highest_stays():
    bots = BotDifficulty(0)
    bots.update([0, 3], 1)
    assert bots.mean == 0
    strongest = BotDifficulty(150)
    strongest.update([0, 3], 1)
    assert strongest.mean == 150
