"""Who descends from whom, on lineages that can be followed by hand."""

from __future__ import annotations

from collections.abc import Sequence

from sample_factory.algorithms.appo.family_tree import Mutation, Replacement, Stretch, family_tree
from sample_factory.algorithms.appo.lineage_file import Decision


def _decision(
    policy: int, env_steps: int, rate: float, source: int | None = None, objectives: Sequence[float] = ()
) -> Decision:
    return Decision(policy, env_steps // 100, source, "", env_steps, objectives, {"rate": rate}, None, "")


BEGINNING = [_decision(policy, 0, 1.0) for policy in range(3)]


def test_a_policy_that_replaces_none_keeps_its_own_founder():
    tree = family_tree(BEGINNING)
    assert tree.founders == [0, 1, 2] and not tree.replacements and not tree.mutations
    tree = family_tree([*BEGINNING, _decision(1, 100, 1.0, objectives=[5, 6, 7])])
    assert tree.founders == [0, 1, 2] and tree.end == 100
    assert tree.stretches[1] == [Stretch(0, 100, 1, {"rate": 1.0}, 6), Stretch(100, 100, 1, {"rate": 1.0}, None)]
    assert tree.stretches[0] == [Stretch(0, 100, 0, {"rate": 1.0}, None)]


def test_a_founder_is_passed_on_by_those_who_took_it_over():
    tree = family_tree([*BEGINNING, _decision(1, 100, 1.0, source=0), _decision(2, 105, 1.0, source=1)])
    assert tree.founders == [0, 0, 0]
    assert tree.replacements == [Replacement(100, 1, 0, 0), Replacement(105, 2, 1, 0)]


def test_only_what_the_source_had_at_that_moment_counts():
    # Policy 2 takes over from policy 1 before policy 1 does from policy 0, though with more frames.
    tree = family_tree([*BEGINNING, _decision(2, 105, 1.0, source=1), _decision(1, 100, 1.0, source=0)])
    assert tree.founders == [0, 0, 1]
    assert [stretch.founder for stretch in tree.stretches[2]] == [2, 1]


def test_a_founder_can_come_back_to_the_policy_that_it_began_as():
    decisions = [_decision(1, 100, 1.0, 0), _decision(0, 100, 1.0, 2), _decision(0, 200, 1.0, 1)]
    tree = family_tree([*BEGINNING, *decisions])
    assert [stretch.founder for stretch in tree.stretches[0]] == [0, 2, 0]


def test_values_of_the_source_are_no_mutation_and_others_are():
    beginning = [_decision(0, 0, 1.0), _decision(1, 0, 2.0)]
    assert family_tree([*beginning, _decision(1, 100, 2.0)]).mutations == []
    assert family_tree([*beginning, _decision(1, 100, 2.5)]).mutations == [Mutation(100, 1)]
    assert family_tree([*beginning, _decision(1, 100, 1.0, source=0)]).mutations == []
    assert family_tree([*beginning, _decision(1, 100, 1.2, source=0)]).mutations == [Mutation(100, 1)]


def test_reward_shaping_is_among_the_values():
    decision = Decision(0, 0, None, "", 0, [], {"rate": 1.0}, {"delta": {"HEALTH": 0.5}, "goal": 2.0}, "")
    assert family_tree([decision]).stretches[0][0].values == {"delta_HEALTH": 0.5, "goal": 2.0, "rate": 1.0}
