"""Batches are put together from blocks completely, in order and once."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.algorithms.appo.batch import Batcher
from sample_factory.algorithms.appo.tests.pipeline import Pipeline
from sample_factory.envs.observations import observation_keys
from sample_factory.rl.spaces import action_layout
from sample_factory.sampling.blocks import BlockSchema, block_view
from sample_factory.sampling.ledger import BlockState, Ledger, ledger_specs
from sample_factory.system.arena import Arena, ArraySpec

STEPS, ROWS, GROUPS = 4, 3, 4


class Bench:
    """Four groups of three rows with one block each; `reward` tells rows apart: 100 * delivery + 10 * row + step."""

    def __init__(self, num_rows: int, release_early: bool = False, max_lag: int = 100, double: bool = False) -> None:
        self.schema = schema = BlockSchema(
            num_workers=GROUPS,
            groups_per_worker=1,
            blocks_per_group=1,
            rows=ROWS,
            rollout=STEPS,
            state_interval=2,
            state_size=2,
            keys=observation_keys(gym.spaces.Box(-1, 1, (2,), np.float32)),
            actions=action_layout(gym.spaces.Discrete(3)),
            recorded={
                "action_logits": ArraySpec((3,), np.float32),
                "log_probs": ArraySpec((), np.float32),
                "values": ArraySpec((), np.float32),
            },
        )
        self.arena = Arena.create(schema.specs | ledger_specs(GROUPS, 1))
        self.ledger = Ledger(self.arena)
        self.blocks = {index: block_view(self.arena, schema, index) for index in range(GROUPS)}
        self.returned: list[int] = []
        self.batcher = Batcher(
            self.ledger,
            self.blocks,
            schema,
            0,
            num_rows,
            max_lag,
            torch.device("cpu"),
            release_early,
            self.returned.append,
            double,
        )
        self.deliveries = 0

    def deliver(self, index: int, version: int = 0, **changes: Any) -> None:
        """Fill a block and hand it over; `changes` overwrite arrays of the block."""
        block = self.blocks[index]
        self.ledger.take(index)
        number = np.arange(STEPS)[:, None] + 10 * np.arange(ROWS) + 100 * self.deliveries
        block.rewards[:] = number
        block.recorded["values"][:] = number
        block.obs["obs"][:-1, :, 0] = number
        block.states[:, :, 0] = number[0]
        block.actions[..., 0] = np.arange(STEPS)[:, None] % 3
        block.valid[:], block.policy_ids[:], block.versions[:], block.frames[:] = True, 0, version, 4
        for name, value in changes.items():
            getattr(block, name)[:] = value
        self.deliveries += 1
        self.ledger.hand_over(index, [0])

    @property
    def free(self) -> list[int]:
        return [index for index in range(GROUPS) if self.ledger.is_free(index)]


def rows_of(batch: Any) -> list[int]:
    return [int(value) for value in batch.rewards[0]]


def test_rows_come_in_the_order_in_which_blocks_were_handed_over():
    bench = Bench(num_rows=9)
    for index in (2, 0, 3):
        bench.deliver(index)
    batch = bench.batcher.collect(0)
    assert rows_of(batch) == [0, 10, 20, 100, 110, 120, 200, 210, 220]
    steps = torch.arange(STEPS)[:, None]
    assert torch.equal(batch.rewards, batch.rewards[:1] + steps)
    for tensor in (batch.values, batch.obs["obs"][:-1, :, 0]):
        assert torch.equal(tensor, batch.rewards)
    assert torch.equal(batch.states[..., 0], batch.rewards[:1].expand(3, -1))
    assert torch.equal(batch.actions[..., 0], (steps % 3).int().expand(-1, 9))
    assert bool(batch.valid.all()) and bool(batch.own.all())


def test_a_batch_in_use_is_not_touched_while_the_next_one_is_collected():
    bench = Bench(num_rows=6, release_early=True, double=True)
    for index in (0, 1, 2, 3):
        bench.deliver(index)
    first = bench.batcher.collect(0)
    bench.batcher.release()
    second = bench.batcher.collect(0)
    assert rows_of(first) == [0, 10, 20, 100, 110, 120]
    assert rows_of(second) == [200, 210, 220, 300, 310, 320]


def test_an_incomplete_batch_waits_and_is_not_copied_again():
    bench = Bench(num_rows=6)
    bench.deliver(0)
    assert bench.batcher.collect(0) is None
    bench.blocks[0].rewards[:] = -1  # has been copied already
    bench.deliver(1)
    assert rows_of(bench.batcher.collect(0)) == [0, 10, 20, 100, 110, 120]


def test_rows_that_are_left_of_a_block_begin_the_next_batch():
    bench = Bench(num_rows=4)
    bench.deliver(0)
    bench.deliver(1)
    assert rows_of(bench.batcher.collect(0)) == [0, 10, 20, 100]
    bench.batcher.release()
    assert bench.ledger.states()[1] == BlockState.LEARNING
    assert bench.batcher.collect(1) is None
    assert bench.free == [0, 2, 3]
    bench.deliver(2)
    assert rows_of(bench.batcher.collect(1)) == [110, 120, 200, 210]


def test_those_who_take_turns_get_their_blocks_back_together():
    bench = Bench(num_rows=2)
    bench.deliver(0)
    bench.deliver(1)
    free = []
    for _ in range(3):
        assert bench.batcher.collect(0) is not None
        bench.batcher.release()
        free.append(bench.free)
    # Not block 0 alone after the second batch, when only rows of block 1 are left.
    assert free == [[2, 3], [2, 3], [0, 1, 2, 3]]


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("smaller_or_larger", [2, 5])
def test_another_size_holds_from_the_next_batch_on_and_loses_no_row(double, smaller_or_larger):
    bench = Bench(num_rows=4, release_early=True, double=double)
    for index in range(GROUPS):
        bench.deliver(index)
    batches = [rows_of(bench.batcher.collect(0))]
    bench.batcher.resize(smaller_or_larger)
    for _ in range(20):
        bench.batcher.release()
        batch = bench.batcher.collect(0)
        if batch is None:
            break
        batches.append(rows_of(batch))
    rows = [row for batch in batches for row in batch]
    assert rows == [100 * delivery + 10 * row for delivery in range(GROUPS) for row in range(ROWS)][: len(rows)]
    assert len(batches[0]) == 4 and len(rows) >= 9
    assert {len(batch) for batch in batches[1:]} == {smaller_or_larger}


def test_blocks_come_back_unread_when_nothing_more_is_to_be_learnt():
    bench = Bench(num_rows=4)
    bench.deliver(0)
    bench.deliver(1)
    assert bench.batcher.collect(0) is not None
    bench.deliver(2)
    bench.batcher.discard()
    assert bench.free == [0, 1, 2, 3] and sorted(bench.returned) == [0, 1, 2]


def test_blocks_come_back_after_the_update():
    bench = Bench(num_rows=3)
    bench.deliver(1)
    assert bench.batcher.collect(0) is not None
    assert bench.returned == [] and 1 not in bench.free
    bench.batcher.release()
    assert bench.returned == [1] and 1 in bench.free


def test_blocks_come_back_at_once_when_sampling_and_learning_overlap():
    bench = Bench(num_rows=6, release_early=True)
    bench.deliver(1)
    assert bench.batcher.collect(0) is None
    assert bench.returned == [1] and 1 in bench.free
    bench.deliver(1)
    assert bench.batcher.collect(0) is not None
    bench.batcher.release()
    assert bench.returned == [1, 1]


def test_old_trajectories_are_left_out_and_counted():
    bench = Bench(num_rows=3, max_lag=5)
    ages = np.zeros((STEPS, ROWS), np.int32) + 6
    ages[2, 1] = 5
    bench.deliver(0, versions=ages)
    assert bench.batcher.collect(10) is None
    assert bench.batcher.discarded_rows == 1
    bench.deliver(1, version=9)
    assert rows_of(bench.batcher.collect(10)) == [0, 20, 100]


def test_rows_that_grew_old_while_they_waited_are_left_out():
    bench = Bench(num_rows=2, max_lag=1)
    bench.deliver(0, version=7)
    assert rows_of(bench.batcher.collect(7)) == [0, 10]
    bench.batcher.release()
    bench.deliver(1, version=8)
    assert rows_of(bench.batcher.collect(8)) == [100, 110]
    assert bench.batcher.discarded_rows == 1


def test_trajectories_of_other_policies_and_without_a_decision_are_left_out():
    bench = Bench(num_rows=2)
    foreign = np.zeros((STEPS, ROWS), np.int16)
    foreign[:, 1] = 4
    valid = np.ones((STEPS, ROWS), np.bool_)
    valid[:, 0] = False
    bench.deliver(0, policy_ids=foreign, valid=valid)
    bench.deliver(1, policy_ids=foreign)
    batch = bench.batcher.collect(0)
    assert rows_of(batch) == [20, 100] and bool(batch.own.all())
    assert bench.batcher.discarded_rows == 0


def test_partly_foreign_trajectories_are_marked():
    bench = Bench(num_rows=3)
    foreign = np.zeros((STEPS, ROWS), np.int16)
    foreign[2:, 1] = 4
    bench.deliver(0, policy_ids=foreign)
    assert torch.equal(bench.batcher.collect(0).own, torch.from_numpy(foreign == 0))


@pytest.mark.parametrize("release_early", [True, False])
def test_frames_and_samples_count_once_and_only_this_policys(release_early):
    bench = Bench(num_rows=4, release_early=release_early)
    foreign = np.zeros((STEPS, ROWS), np.int16)
    foreign[:, 0] = 1
    bench.deliver(0, policy_ids=foreign)
    bench.deliver(1)
    for _ in range(3):
        bench.batcher.collect(0)
    assert bench.batcher.samples == STEPS * 5
    assert bench.batcher.frames == 4 * STEPS * 5


def test_rows_that_are_left_out_never_leave_the_sampler_without_blocks():
    """Blocks are kept until the update, but never all of them for a batch that is not complete."""
    bench = Bench(num_rows=12)
    foreign = np.zeros((STEPS, ROWS), np.int16)
    foreign[:, 0] = 1
    for index in range(GROUPS):
        bench.deliver(index, policy_ids=foreign)
    assert bench.batcher.collect(0) is None
    assert bench.free == [0, 1, 2, 3]
    for index in range(2):
        bench.deliver(index)
    assert bench.batcher.collect(0) is not None
    assert bench.free == [2, 3]


def test_forgetting_drops_everything():
    bench = Bench(num_rows=4)
    bench.deliver(0)
    bench.deliver(1)
    bench.batcher.collect(0)
    bench.batcher.forget()
    bench.arena["ledger/readers"][:] = 0
    assert bench.batcher.frames == bench.batcher.samples == 0
    bench.deliver(2)
    bench.deliver(3)
    assert rows_of(bench.batcher.collect(0)) == [200, 210, 220, 300]


def test_agents_that_never_take_part_do_not_stop_the_run(tmp_path):
    pipeline = Pipeline(tmp_path, env="case_absent")
    for _ in range(3):
        batch = pipeline.iterate()
        assert bool(batch.valid.all())
        Ledger(pipeline.arena).check(pipeline.schema.blocks_per_group)


@settings(max_examples=60, deadline=None)
@given(num_rows=st.integers(1, GROUPS * ROWS), release_early=st.booleans(), random=st.randoms(use_true_random=False))
def test_there_is_always_a_block_to_fill_or_a_batch_to_learn_from(num_rows, release_early, random):
    """Whatever is left out of the batch: other policies' rows, rows without a decision, rows that are too old."""
    bench = Bench(num_rows, release_early, max_lag=3)
    for version in range(4):
        while bench.batcher.collect(version) is None:
            assert bench.free, "neither a batch nor a block"
            for index in random.sample(bench.free, random.randint(1, len(bench.free))):
                rows = [random.random() < 0.6 for _ in range(ROWS)]
                policy = [random.randint(0, 4) // 4 for _ in range(ROWS)]
                bench.deliver(index, version - random.randint(0, 3), valid=[rows] * STEPS, policy_ids=[policy] * STEPS)
            bench.ledger.check(1)
        bench.batcher.release()


def test_nothing_older_than_the_first_version_is_trained_on():
    bench = Bench(num_rows=6)
    bench.deliver(0, version=5)
    assert bench.batcher.collect(5) is None  # three rows are waiting in the batch
    bench.deliver(1, version=6)
    bench.deliver(2, version=np.array([[5, 6, 6]] + [[6, 6, 6]] * 3))
    bench.batcher.forget_before(6)
    assert bench.batcher.collect(6) is None
    bench.deliver(3, version=7)
    assert rows_of(bench.batcher.collect(6)) == [100, 110, 120, 210, 220, 300]
    assert bench.batcher.discarded_rows == 1
    assert bench.batcher.frames == 4 * 4 * STEPS * ROWS  # what was thrown away was sampled all the same
