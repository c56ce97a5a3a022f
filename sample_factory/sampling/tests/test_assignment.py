"""Rows change hands only where an episode begins, and every policy gets its share."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.sampling.assignment import EPISODES, Assignment


def new_assignment(
    rows: int = 8,
    policies: int = 3,
    agents: int = 1,
    mixed: bool = True,
    seed: int = 0,
    past: np.ndarray | None = None,
    past_share: float = 0.0,
) -> Assignment:
    matchmaking = np.zeros((policies, policies)) if past is None else past
    return Assignment(np.zeros(rows, np.int16), matchmaking, agents, mixed, past_share, seed)


def test_one_policy_plays_everything():
    assignment = new_assignment(policies=1)
    assert not assignment.players.any() and assignment.parts == [(0, None)]
    for _ in range(3 * EPISODES):
        assert not len(assignment.change(np.ones(8, np.bool_)))


@given(st.data())
def test_rows_change_hands_only_where_an_episode_begins(data: st.DataObject):
    agents, policies = data.draw(st.sampled_from([1, 2, 4])), data.draw(st.integers(2, 4))
    assignment = new_assignment(8, policies, agents, data.draw(st.booleans()), data.draw(st.integers(0, 9)))
    for resets in data.draw(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), max_size=60)):
        before = assignment.players.copy()
        changed = assignment.change(np.array(resets))
        assert np.flatnonzero(assignment.players != before).tolist() == changed.tolist()
        assert set(changed.tolist()) <= set(np.flatnonzero(resets).tolist())
        found = [(row, policy) for policy, rows in assignment.parts for row in (range(8) if rows is None else rows)]
        assert sorted(found) == list(enumerate(assignment.players))


def test_every_tenth_episode_of_an_environment_is_drawn_anew():
    assignment = new_assignment(rows=400)
    first = assignment.players.copy()
    everywhere = np.ones(400, np.bool_)
    for _ in range(EPISODES - 1):
        assert not len(assignment.change(everywhere))
    changed = assignment.change(everywhere)
    assert 200 < len(changed) < 330  # two in three
    assert (assignment.players[changed] != first[changed]).all()


@given(st.data())
def test_who_plays_the_next_episode_of_a_row_is_known_before_it_begins(data: st.DataObject):
    agents = data.draw(st.sampled_from([1, 2]))
    assignment = new_assignment(8, 3, agents, seed=data.draw(st.integers(0, 9)))
    assert assignment.next_players.tolist() == assignment.players.tolist()
    for resets in data.draw(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), max_size=60)):
        announced = assignment.next_players.copy()
        assignment.change(np.array(resets))
        assert assignment.players[resets].tolist() == announced[resets].tolist()


def test_each_policy_gets_its_share():
    counts = np.bincount(new_assignment(rows=3000).players, minlength=3)
    assert (np.abs(counts - 1000) < 120).all()


def test_agents_of_an_environment_have_one_policy_unless_policies_are_mixed():
    apart = new_assignment(rows=400, agents=2, mixed=False).players.reshape(-1, 2)
    assert (apart[:, 0] == apart[:, 1]).all() and len(np.unique(apart)) == 3
    mixed = new_assignment(rows=400, agents=2).players.reshape(-1, 2)
    assert 0.5 < (mixed[:, 0] != mixed[:, 1]).mean() < 0.8


def test_agents_that_begin_at_different_times_still_get_the_policy_of_their_environment():
    assignment = new_assignment(rows=2, agents=2, mixed=False, policies=50)
    first, second = np.array([True, False]), np.array([False, True])
    for _ in range(EPISODES):
        assignment.change(first)
    assert assignment.players[0] != assignment.players[1]
    assignment.change(second)
    assert assignment.players[0] == assignment.players[1]


def test_the_same_seed_gives_the_same_policies():
    everywhere = np.ones(8, np.bool_)
    runs = []
    for seed in (1, 1, 2):
        assignment = new_assignment(seed=seed)
        runs.append([(assignment.change(everywhere), assignment.players.tolist())[1] for _ in range(50)])
    assert runs[0] == runs[1] != runs[2]


def test_a_share_of_all_matches_is_between_one_policy_and_past_versions_as_the_table_says():
    table = np.zeros((2, 6))
    table[0, 2:] = (0, 1, 3, 0)
    table[1, 2:] = (0, 0, 0, 5)
    players = new_assignment(rows=8000, policies=2, agents=2, past=table, past_share=0.5, seed=3).players.reshape(-1, 2)
    against_past = (players >= 2).any(axis=1)
    assert 0.47 < against_past.mean() < 0.53
    matches = players[against_past]
    assert ((matches < 2).sum(axis=1) == 1).all()  # one agent learns, in either seat
    assert 0.45 < (matches[:, 0] < 2).mean() < 0.55
    policies, opponents = matches.min(axis=1), matches.max(axis=1)
    assert set(opponents[policies == 1]) == {5}
    assert 0.7 < (opponents[policies == 0] == 4).mean() < 0.8 and set(opponents[policies == 0]) == {3, 4}


def test_without_past_versions_policies_meet_each_other():
    players = new_assignment(rows=80, policies=2, agents=2, past=np.zeros((2, 6)), past_share=1.0).players
    assert set(players.tolist()) == {0, 1}


def test_the_table_of_matches_may_change_while_somebody_draws():
    class Changing(np.ndarray):
        """Is written to whenever somebody has summed it up."""

        def sum(self, *args: Any, **kwargs: Any) -> Any:
            total = super().sum(*args, **kwargs)
            table[:, 1:] += 1
            return total

    table = np.ones((1, 4))
    table[0, 0] = 0
    players = new_assignment(rows=2000, policies=1, agents=2, past=table.view(Changing), past_share=1.0).players
    assert set(players.tolist()) == {0, 1, 2, 3} and table[0, 1] > 1000
