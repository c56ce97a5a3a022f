"""Rows change hands only where an episode begins, and every policy gets its share."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.sampling.assignment import EPISODES, Assignment


def new_assignment(rows: int = 8, policies: int = 3, agents: int = 1, mixed: bool = True, seed: int = 0) -> Assignment:
    return Assignment(np.zeros(rows, np.int16), policies, agents, mixed, seed)


def test_one_policy_plays_everything():
    assignment = new_assignment(policies=1)
    assert not assignment.policies.any() and assignment.parts == [(0, None)]
    for _ in range(3 * EPISODES):
        assert not len(assignment.change(np.ones(8, np.bool_)))


@given(st.data())
def test_rows_change_hands_only_where_an_episode_begins(data: st.DataObject):
    agents, policies = data.draw(st.sampled_from([1, 2, 4])), data.draw(st.integers(2, 4))
    assignment = new_assignment(8, policies, agents, data.draw(st.booleans()), data.draw(st.integers(0, 9)))
    for resets in data.draw(st.lists(st.lists(st.booleans(), min_size=8, max_size=8), max_size=60)):
        before = assignment.policies.copy()
        changed = assignment.change(np.array(resets))
        assert np.flatnonzero(assignment.policies != before).tolist() == changed.tolist()
        assert set(changed.tolist()) <= set(np.flatnonzero(resets).tolist())
        found = [(row, policy) for policy, rows in assignment.parts for row in (range(8) if rows is None else rows)]
        assert sorted(found) == list(enumerate(assignment.policies))


def test_every_tenth_episode_of_an_environment_is_drawn_anew():
    assignment = new_assignment(rows=400)
    first = assignment.policies.copy()
    everywhere = np.ones(400, np.bool_)
    for _ in range(EPISODES - 1):
        assert not len(assignment.change(everywhere))
    changed = assignment.change(everywhere)
    assert 200 < len(changed) < 330  # two in three
    assert (assignment.policies[changed] != first[changed]).all()


def test_each_policy_gets_its_share():
    counts = np.bincount(new_assignment(rows=3000).policies, minlength=3)
    assert (np.abs(counts - 1000) < 120).all()


def test_agents_of_an_environment_have_one_policy_unless_policies_are_mixed():
    apart = new_assignment(rows=400, agents=2, mixed=False).policies.reshape(-1, 2)
    assert (apart[:, 0] == apart[:, 1]).all() and len(np.unique(apart)) == 3
    mixed = new_assignment(rows=400, agents=2).policies.reshape(-1, 2)
    assert 0.5 < (mixed[:, 0] != mixed[:, 1]).mean() < 0.8


def test_agents_that_begin_at_different_times_still_get_the_policy_of_their_environment():
    assignment = new_assignment(rows=2, agents=2, mixed=False, policies=50)
    first, second = np.array([True, False]), np.array([False, True])
    for _ in range(EPISODES):
        assignment.change(first)
    assert assignment.policies[0] != assignment.policies[1]
    assignment.change(second)
    assert assignment.policies[0] == assignment.policies[1]


def test_the_same_seed_gives_the_same_policies():
    everywhere = np.ones(8, np.bool_)
    runs = []
    for seed in (1, 1, 2):
        assignment = new_assignment(seed=seed)
        runs.append([(assignment.change(everywhere), assignment.policies.tolist())[1] for _ in range(50)])
    assert runs[0] == runs[1] != runs[2]
