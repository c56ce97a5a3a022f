"""Every block is in one state, and goes round only in one direction."""

from __future__ import annotations

import random

import pytest

from sample_factory.sampling.ledger import BlockState, Ledger, ledger_specs
from sample_factory.system.arena import Arena

GROUPS, PER_GROUP, POLICIES = 3, 4, 2
BLOCKS = GROUPS * PER_GROUP


def new_ledger(num_blocks: int = 4, num_policies: int = 2) -> Ledger:
    return Ledger(Arena.create(ledger_specs(num_blocks, num_policies)))


def test_a_block_goes_round():
    ledger = new_ledger()
    assert ledger.is_free(1)
    ledger.take(1)
    assert not ledger.is_free(1) and ledger.states()[1] == BlockState.FILLING and ledger.ready(0) == []
    ledger.hand_over(1, [0])
    assert ledger.states()[1] == BlockState.READY and ledger.ready(0) == [1] and ledger.ready(1) == []
    ledger.start_learning(1, 0)
    assert ledger.states()[1] == BlockState.LEARNING and ledger.ready(0) == [] and not ledger.is_free(1)
    ledger.release(1, 0)
    assert ledger.is_free(1) and (ledger.states() == BlockState.FREE).all()


def test_a_block_is_free_when_the_last_learner_is_done():
    ledger = new_ledger()
    ledger.take(0)
    ledger.hand_over(0, [0, 1])
    for policy in (0, 1):
        assert not ledger.is_free(0)
        ledger.start_learning(0, policy)
        ledger.release(0, policy)
    assert ledger.is_free(0)


def test_the_oldest_block_comes_first():
    ledger = new_ledger()
    for block in (2, 0, 3):
        ledger.take(block)
        ledger.hand_over(block, [0])
    assert ledger.ready(0) == [2, 0, 3]


def test_steps_out_of_order_are_refused():
    ledger = new_ledger()
    with pytest.raises(AssertionError, match="not being filled"):
        ledger.hand_over(0, [0])
    ledger.take(0)
    with pytest.raises(AssertionError, match="not free"):
        ledger.take(0)
    with pytest.raises(AssertionError, match="not ready"):
        ledger.start_learning(0, 0)
    with pytest.raises(AssertionError, match="not with policy"):
        ledger.release(0, 0)


def test_blocks_are_exhausted_when_nobody_can_fill_one():
    ledger = new_ledger(2)
    ledger.take(0)
    ledger.hand_over(0, [0])
    assert not ledger.is_exhausted()  # block 1 is free
    ledger.take(1)
    assert not ledger.is_exhausted()  # and now being filled
    ledger.hand_over(1, [1])
    assert ledger.is_exhausted()


def test_blocks_of_the_dead_are_taken_back():
    ledger = new_ledger()
    ledger.take(0)
    ledger.take(2)
    ledger.reclaim_filling(range(0, 2))
    assert ledger.is_free(0) and not ledger.is_free(2)
    ledger.hand_over(2, [0, 1])
    ledger.start_learning(2, 0)
    ledger.reclaim_learning(0)
    assert ledger.ready(0) == [2] and ledger.ready(1) == [2]


def test_the_conservation_law_notices_a_second_block_of_one_group():
    ledger = new_ledger()
    ledger.take(0)
    ledger.take(2)
    ledger.check(blocks_per_group=2)
    ledger.take(1)
    with pytest.raises(AssertionError, match=r"groups \[0\]"):
        ledger.check(blocks_per_group=2)


def test_a_block_whose_worker_died_while_handing_it_over_is_not_seen_before_it_is_whole() -> None:
    arena = Arena.create(ledger_specs(BLOCKS, POLICIES))
    ledger = Ledger(arena)
    ledger.take(4)
    arena["ledger/readers"][4, 0] = 1  # the first half of handing over
    assert ledger.ready(0) == []
    with pytest.raises(AssertionError):
        ledger.check(PER_GROUP)
    ledger.reclaim_filling(range(4, 8))
    assert ledger.ready(0) == [4]  # it was complete
    ledger.check(PER_GROUP)


@pytest.mark.parametrize("seed", range(5))
def test_no_order_of_work_and_deaths_loses_a_block(seed: int) -> None:
    """Workers and learners as they are, each of which may forget everything it held at any time."""
    ledger, generator = new_ledger(BLOCKS, POLICIES), random.Random(seed)
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
