"""Rows change hands only where an episode begins, and every policy gets its share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.sampling.assignment import SHORT_TURN, TURN, Assignment


def new_assignment(
    rows: int = 8,
    policies: int = 3,
    agents: int = 1,
    mixed: bool = True,
    seed: int = 0,
    past: np.ndarray | None = None,
    past_share: float = 0.0,
    group: int = 0,
    tasks: bool = False,
) -> Assignment:
    matchmaking = np.zeros((policies, policies)) if past is None else past
    assignment = Assignment(np.zeros(rows, np.int16), matchmaking, agents, mixed, tasks, past_share, seed, group)
    assignment.begin_rollout()
    return assignment


def take_turn(assignment: Assignment, rollouts: int = TURN) -> None:
    """Begin as many rollouts as a turn has: the last of them begins the next turn."""
    for _ in range(rollouts):
        assignment.begin_rollout()


def test_one_policy_plays_everything():
    assignment = new_assignment(policies=1)
    assert not assignment.players.any() and assignment.parts == [(0, None)]
    for _ in range(3):
        take_turn(assignment)
        assert not len(assignment.change(np.ones(8, np.bool_)))


@given(st.data())
def test_rows_change_hands_only_where_an_episode_begins(data: st.DataObject):
    agents, policies = data.draw(st.sampled_from([1, 2, 4])), data.draw(st.integers(2, 4))
    assignment = new_assignment(8, policies, agents, data.draw(st.booleans()), data.draw(st.integers(0, 9)))
    for resets in data.draw(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), max_size=60)):
        before = assignment.players.copy()
        assignment.begin_rollout()
        assert assignment.players.tolist() == before.tolist()
        announced = assignment.next_players.copy()
        changed = assignment.change(np.array(resets))
        assert np.flatnonzero(assignment.players != before).tolist() == changed.tolist()
        assert set(changed.tolist()) <= set(np.flatnonzero(resets).tolist())
        # An environment may have to know who will play before it resets.
        assert assignment.players[resets].tolist() == announced[resets].tolist()
        found = [(row, policy) for policy, rows in assignment.parts for row in (range(8) if rows is None else rows)]
        assert sorted(found) == list(enumerate(assignment.players))


@given(policies=st.integers(2, 5), agents=st.sampled_from([1, 2]), seed=st.integers(0, 99))
def test_groups_give_each_policy_its_share_of_every_cycle_and_of_every_turn(policies: int, agents: int, seed: int):
    groups = [new_assignment(8, policies, agents, False, seed, group=group) for group in range(policies)]
    everywhere, seen = np.ones(8, np.bool_), []
    for _ in range(3 * policies):
        for group in groups:
            assert len(group.parts) == 1  # one pass acts for all rows
        seen.append([group.parts[0][0] for group in groups])
        for group in groups:
            take_turn(group)
            group.change(everywhere)
    turns = np.array(seen).reshape(3, policies, policies)
    assert (np.sort(turns, axis=2) == np.arange(policies)).all()  # somewhere at every time
    assert (np.sort(turns, axis=1) == np.arange(policies)[:, None]).all()  # and everywhere in every cycle


def test_the_order_of_turns_changes_lest_long_episodes_always_begin_in_the_same_one():
    assignment, begun = new_assignment(policies=4), []
    for turn in range(80):
        if turn % 4 == 0:  # an episode lasts exactly one cycle
            assignment.change(np.ones(8, np.bool_))
            begun.append(int(assignment.players[0]))
        take_turn(assignment)
    counts = np.bincount(begun, minlength=4)
    assert counts.sum() == 20 and counts.min() >= 1


def test_a_turn_ends_where_the_next_episode_of_each_row_begins():
    assignment = new_assignment(rows=3, policies=2)
    first = assignment.players[0]
    for _ in range(TURN - 1):
        assignment.begin_rollout()
        assert not len(assignment.change(np.ones(3, np.bool_)))
    assignment.begin_rollout()
    assert assignment.change(np.array([True, False, False])).tolist() == [0]
    assert assignment.players.tolist() == [1 - first, first, first]
    assert assignment.change(np.array([True, False, True])).tolist() == [2]


def test_agents_of_an_environment_have_one_policy_unless_policies_are_mixed():
    apart = new_assignment(rows=400, agents=2, mixed=False).players
    assert len(np.unique(apart)) == 1
    mixed = new_assignment(rows=400, agents=2).players.reshape(-1, 2)
    assert 0.5 < (mixed[:, 0] != mixed[:, 1]).mean() < 0.8
    assert (np.abs(np.bincount(mixed.ravel(), minlength=3) - 400 / 3) < 50).all()


@given(policies=st.integers(2, 5), agents=st.sampled_from([1, 2]), group=st.integers(0, 9), seed=st.integers(0, 99))
def test_every_policy_plays_every_task_in_every_cycle(policies: int, agents: int, group: int, seed: int):
    assignment = new_assignment(10 * agents, policies, agents, False, seed, group=group, tasks=True)
    seen = []
    for _ in range(3 * policies):
        players = assignment.players.reshape(10, agents)
        assert (players == players[:, :1]).all()
        counts = np.bincount(players[:, 0], minlength=policies)
        assert counts.max() - counts.min() <= 1  # and as many of them as the others at any time
        seen.append(players[:, 0].copy())
        take_turn(assignment, SHORT_TURN)
        assignment.change(np.ones(10 * agents, np.bool_))
    turns = np.array(seen).reshape(3, policies, 10)
    assert (np.sort(turns, axis=1) == np.arange(policies)[:, None]).all()


def test_mixed_policies_are_drawn_anew_for_every_turn():
    assignment = new_assignment(rows=400, agents=2)
    take_turn(assignment, SHORT_TURN)
    assert 200 < len(assignment.change(np.ones(400, np.bool_))) < 330  # two in three


@pytest.mark.parametrize("agents", [1, 2])
def test_the_same_seed_gives_the_same_policies(agents: int):
    everywhere = np.ones(8, np.bool_)
    runs = []
    for seed, group in ((1, 0), (1, 0), (2, 0), (1, 1)):
        assignment = new_assignment(agents=agents, seed=seed, group=group)
        run = []
        for _ in range(20):
            take_turn(assignment, TURN if agents == 1 else SHORT_TURN)
            assignment.change(everywhere)
            run.append(assignment.players.tolist())
        runs.append(run)
    assert runs[0] == runs[1] and runs[0] != runs[2] and runs[0] != runs[3]


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
