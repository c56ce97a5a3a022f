"""A trained policy and a random one in the same environments: who acts for whom, and who wins."""

import numpy as np

from benchmarks.random_play import TwoPolicies, _compared, _seats
from sample_factory.algorithms.appo.episodes import Episode


class _Always:
    def __init__(self, action: int, rows: int) -> None:
        self.actions = np.full((rows, 1), action)
        self.forgotten = np.zeros(rows, np.bool_)

    def act(self, obs):
        return self.actions

    def forget(self, rows):
        self.forgotten |= rows


def test_every_agent_of_an_environment_is_played_by_the_trained_policy_equally_often():
    assert _seats(4, 2).tolist() == [True, False, False, True] * 2


def test_each_row_gets_the_action_of_its_own_policy_and_both_forget():
    first, second = _Always(1, 4), _Always(2, 4)
    actor = TwoPolicies(first, second, _seats(2, 2))
    assert actor.act({})[:, 0].tolist() == [1, 2, 2, 1]
    actor.forget(np.array([False, True, False, False]))
    assert first.forgotten.tolist() == second.forgotten.tolist() == [False, True, False, False]


def test_wins_are_counted_by_match_in_either_seat():
    frags = {0: [3, 1], 1: [1, 1], 2: [5, 1], 3: [0, 2]}  # by row; environment 0 has rows 0 and 1
    episodes = [
        Episode(row, number, 0.0, 1, None, {"frags": value})
        for row, values in frags.items()
        for number, value in enumerate(values)
    ]
    line, shares = _compared("duel", episodes, _seats(2, 2), 2)
    # 3:1 and 1:1 with the trained policy first; 5:0 lost and 1:2 won with it second.
    assert line.startswith("duel: 2 wins, 1 ties, 1 losses")
    assert sorted(shares) == [0.0, 0.5, 1.0, 1.0]
    assert "1.50 +-" in line.split("; ")[1].split(" against ")[0]
