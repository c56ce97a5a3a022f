"""Blocks are conserved, whoever dies and whenever. Knows not what is in a block."""

from __future__ import annotations

import random

import pytest

from sample_factory.sampling.ledger import BlockState, Ledger, ledger_specs
from sample_factory.system.arena import Arena

GROUPS, PER_GROUP, POLICIES = 3, 4, 2
BLOCKS = GROUPS * PER_GROUP


@pytest.fixture
def arena():  # type: ignore[no-untyped-def]
    arena = Arena.create(ledger_specs(BLOCKS, POLICIES))
    yield arena
    arena.close()


def test_a_block_goes_round(arena: Arena) -> None:
    ledger = Ledger(arena)
    assert ledger.is_free(5)
    ledger.take(5)
    assert ledger.states()[5] == BlockState.FILLING
    ledger.hand_over(5, [0, 1])
    assert ledger.states()[5] == BlockState.READY
    assert ledger.ready(0) == ledger.ready(1) == [5]
    for policy in (0, 1):
        ledger.start_learning(5, policy)
        assert ledger.states()[5] == BlockState.LEARNING
        assert ledger.ready(policy) == []
    ledger.release(5, 0)
    assert not ledger.is_free(5), "the other learner still reads it"
    ledger.release(5, 1)
    assert ledger.is_free(5)
    ledger.check(PER_GROUP)


def test_without_a_learner_a_full_block_is_free_at_once(arena: Arena) -> None:
    ledger = Ledger(arena)
    ledger.take(0)
    ledger.hand_over(0, [])
    assert ledger.is_free(0)


def test_the_oldest_block_is_first(arena: Arena) -> None:
    ledger = Ledger(arena)
    for block in (7, 2, 9):
        ledger.take(block)
        ledger.hand_over(block, [0])
    assert ledger.ready(0) == [7, 2, 9]


@pytest.mark.parametrize("call", ["take", "hand_over", "start_learning", "release"])
def test_wrong_transitions_are_refused(arena: Arena, call: str) -> None:
    ledger = Ledger(arena)
    ledger.take(1)
    with pytest.raises(AssertionError):
        {
            "take": lambda: ledger.take(1),
            "hand_over": lambda: ledger.hand_over(0, [0]),
            "start_learning": lambda: ledger.start_learning(1, 0),
            "release": lambda: ledger.release(1, 0),
        }[call]()


def test_a_block_whose_worker_died_while_handing_it_over_is_not_seen_before_it_is_whole(arena: Arena) -> None:
    ledger = Ledger(arena)
    ledger.take(4)
    arena["ledger/readers"][4, 0] = 1  # the first half of handing over
    assert ledger.ready(0) == []
    with pytest.raises(AssertionError):
        ledger.check(PER_GROUP)
    ledger.reclaim_filling(range(4, 8))
    assert ledger.ready(0) == [4]  # it was complete
    ledger.check(PER_GROUP)


def test_the_check_sees_a_lost_block(arena: Arena) -> None:
    ledger = Ledger(arena)
    ledger.take(4)
    ledger.take(5)
    with pytest.raises(AssertionError, match=r"groups \[1\] fill several blocks"):
        ledger.check(PER_GROUP)


@pytest.mark.parametrize("seed", range(5))
def test_no_order_of_work_and_deaths_loses_a_block(arena: Arena, seed: int) -> None:
    """Workers and learners as they are, each of which may forget everything it held at any time."""
    ledger, generator = Ledger(arena), random.Random(seed)
    filling: dict[int, int] = {}  # group -> block
    held: dict[int, list[int]] = {policy: [] for policy in range(POLICIES)}
    for _ in range(3000):
        group, policy = generator.randrange(GROUPS), generator.randrange(POLICIES)
        own = range(group * PER_GROUP, (group + 1) * PER_GROUP)
        event = generator.random()
        if event < 0.05:  # a rollout worker dies
            filling.pop(group, None)
            ledger.reclaim_filling(own)
        elif event < 0.1:  # a learner dies
            held[policy].clear()
            ledger.reclaim_learning(policy)
        elif event < 0.5:
            if group in filling:
                ledger.hand_over(filling.pop(group), range(POLICIES))
            elif free := [block for block in own if ledger.is_free(block)]:
                ledger.take(free[0])
                filling[group] = free[0]
        elif event < 0.75:
            for block in ledger.ready(policy)[:1]:
                ledger.start_learning(block, policy)
                held[policy].append(block)
        else:
            while held[policy]:
                ledger.release(held[policy].pop(), policy)
        ledger.check(PER_GROUP)
    for group in list(filling):
        ledger.hand_over(filling.pop(group), range(POLICIES))
    for policy in range(POLICIES):
        held[policy] += ledger.ready(policy)
        for block in ledger.ready(policy):
            ledger.start_learning(block, policy)
        while held[policy]:
            ledger.release(held[policy].pop(), policy)
    assert all(ledger.is_free(block) for block in range(BLOCKS))
