"""The rollout worker puts everything in its place, and waits when it has none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from sample_factory.sampling.blocks import block_view
from sample_factory.sampling.ledger import BlockState, Ledger
from sample_factory.sampling.requests import RequestTable
from sample_factory.sampling.rollout_worker import RolloutWorker, pause
from sample_factory.sampling.tests.fakes import ROWS, STEPS, CountingEnv, Site
from sample_factory.system.board import Field, Slot


def start(site: Site, value: float = 0.0, version: int = 0, index: int = 0) -> RolloutWorker:
    site.publish(value, version)
    return site.setup.build(index, Slot(site.arena, index), site.reports)


def advance(worker: RolloutWorker, times: int) -> None:
    for _ in range(times):
        worker.advance()


def test_nothing_happens_before_there_are_weights():
    site = Site()
    worker = site.setup.build(0, Slot(site.arena, 0), site.reports)
    assert not worker.advance() and site.envs[0, 0].seeds == []
    site.publish(0.0, 0)
    assert worker.advance()


def test_a_block_holds_what_was_seen_done_and_received():
    site = Site()
    worker = start(site, value=100.0, version=6)
    advance(worker, STEPS)
    block = block_view(site.arena, site.schema, 0)
    counts, rows = np.arange(STEPS + 1)[:, None], np.arange(ROWS)
    assert (block.obs["obs"][..., 0] == rows).all() and (block.obs["obs"][..., 1] == counts).all()
    assert (block.actions[..., 0] == 10 * counts[:-1] + rows).all()
    assert (np.stack(site.envs[0, 0].received) == block.actions).all()
    assert (block.recorded["values"] == counts[:-1] + 100.0).all()
    assert (block.versions == 6).all() and (block.policy_ids == 0).all()
    assert (block.rewards == np.where(block.valid, counts[1:], 0)).all()
    assert (block.frames == np.where(block.valid, 4, 0)).all()
    # Row 0 ends after 2 steps and resets in the 3rd, row 1 is cut after 3 and resets in the 4th, row 2 ends after 4.
    assert block.terminated[:, 0].tolist() == [False, True, False, False]
    assert block.truncated[:, 1].tolist() == [False, False, True, False]
    assert block.terminated[:, 2].tolist() == [False, False, False, True]
    assert block.resets.T.tolist() == [[False, False, True, False], [False, False, False, True], [False] * 4]
    assert (block.valid == ~block.resets).all()


def test_recurrent_state_is_recorded_where_chunks_start_and_zero_after_a_reset():
    site = Site()
    worker = start(site)
    advance(worker, STEPS)
    block = block_view(site.arena, site.schema, 0)
    assert block.recorded["ages"].T.tolist() == [[0, 1, 2, 0], [0, 1, 2, 3], [0, 1, 2, 3]]
    assert block.states[..., 0].tolist() == [[0, 0, 0], [2, 2, 2], [1, 0, 4]]
    advance(worker, STEPS)
    following = block_view(site.arena, site.schema, 1)
    assert (following.states[0] == block.states[-1]).all()
    assert following.recorded["ages"][0].tolist() == [1, 0, 4]


def test_the_last_row_begins_the_next_block():
    site = Site()
    worker = start(site)
    advance(worker, 2 * STEPS)
    first, second = (block_view(site.arena, site.schema, index) for index in (0, 1))
    assert (second.obs["obs"][0] == first.obs["obs"][-1]).all() and second.obs["obs"][0, 0, 1] == STEPS
    assert (second.actions[0, :, 0] == 10 * STEPS + np.arange(ROWS)).all()


def test_the_only_block_of_a_group_is_used_again():
    site = Site(blocks=1)
    worker = start(site)
    advance(worker, STEPS)
    ledger, block = Ledger(site.arena), block_view(site.arena, site.schema, 0)
    ledger.start_learning(0, 0)
    assert not worker.advance()
    ledger.release(0, 0)
    assert worker.advance()
    assert block.obs["obs"][:2, 0, 1].tolist() == [STEPS, STEPS + 1]


def test_without_a_free_block_the_worker_waits():
    site = Site(blocks=2)
    worker = start(site)
    advance(worker, 2 * STEPS)
    assert worker.handed_over == [0, 1] and worker.waits_for_block
    assert not worker.advance() and site.envs[0, 0].count == 2 * STEPS
    ledger = Ledger(site.arena)
    assert ledger.ready(0) == [0, 1] and ledger.states().tolist() == [BlockState.READY] * 2
    ledger.start_learning(0, 0)
    assert not worker.advance()
    ledger.release(0, 0)
    assert worker.advance() and not worker.waits_for_block
    assert ledger.states().tolist() == [BlockState.FILLING, BlockState.READY]


def test_new_weights_are_taken_with_the_next_block():
    site = Site()
    worker = start(site, value=1.0, version=1)
    worker.advance()
    site.publish(2.0, 2)
    advance(worker, STEPS)
    first, second = (block_view(site.arena, site.schema, index) for index in (0, 1))
    assert (first.versions == 1).all() and second.versions[0, 0] == 2
    assert second.recorded["values"][0, 0] == STEPS + 2.0


def test_groups_are_stepped_by_themselves():
    site = Site(num_workers=2, groups=2)
    worker = start(site, index=1)
    advance(worker, STEPS)
    assert sorted(site.envs) == [(1, 0), (1, 1)]
    assert worker.handed_over == [4, 6]  # two blocks a group, and worker 1 has groups 2 and 3
    seeds = [env.seeds for env in site.envs.values()]
    assert seeds[0] != seeds[1]


def test_experience_that_nobody_learns_from_frees_its_block():
    site = Site(blocks=1)
    site.setup = dataclasses.replace(site.setup, consumers=())
    worker = start(site)
    advance(worker, 5 * STEPS)
    assert site.envs[0, 0].count == 5 * STEPS


def test_with_policy_workers_a_group_waits_for_its_actions():
    site = Site(inline=False)
    worker = start(site)
    table, groups = RequestTable(site.arena), np.arange(1)
    assert not worker.advance() and worker.asked
    assert [part.tolist() for part in table.open_requests(groups, 0)] == [[0], [1], [0], [0]]
    assert not worker.advance() and site.envs[0, 0].count == 0
    block_view(site.arena, site.schema, 0).actions[0] = 55
    table.answer(groups, 0, np.array([1]))
    assert worker.advance() and (site.envs[0, 0].received[0] == 55).all()
    assert [part.tolist() for part in table.open_requests(groups, 0)] == [[0], [2], [0], [1]]


def test_a_successor_starts_from_a_clean_state_even_if_an_old_request_is_served_late():
    site = Site(inline=False)
    start(site).advance()
    site.arena["ledger/filling"][:] = False  # the supervisor takes back what the dead worker was filling
    successor = start(site)
    assert not successor.advance() and site.envs[0, 0].seeds == []  # somebody may still write into its blocks
    site.arena["running_states"][:] = 9
    RequestTable(site.arena).answer(np.arange(1), 0, np.array([1]))
    successor.advance()
    assert (block_view(site.arena, site.schema, 0).states[0] == 0).all()


def test_episodes_are_reported_with_their_return_length_and_statistics():
    site = Site(blocks=8)
    worker = start(site)
    advance(worker, 5)
    worker.report(1000.0)
    (kind, data), *rest = site.reports.sent
    assert kind == "episodes" and not rest
    # Returns include the reward that was lost for learning, lengths are in frames.
    extra = {"kills": 2.0, "won": 1.0}
    assert data["episodes"] == [
        (0, 1 + 2 + 0.5, 8, 7.0, extra),
        (0, 1 + 2 + 3 + 0.5, 12, None, {}),
        (0, 1 + 2 + 3 + 4 + 0.5, 16, None, {}),
        (0, 4 + 5 + 0.5, 8, 7.0, extra),
    ]
    worker.report(1000.1)
    advance(worker, 1)
    assert len(site.reports.sent) == 1


def test_counters_say_how_much_was_sampled():
    site = Site()
    worker = start(site)
    advance(worker, STEPS)
    row = site.arena["board"][0]
    assert site.arena["policy_samples"].tolist() == [[STEPS * ROWS]]
    assert row[Field.FRAMES] == 4 * (STEPS * ROWS - 2)  # two steps only reset


@pytest.mark.parametrize(
    ("count", "kind", "message"),
    [
        (2, "observation", "environment counting: observation 'obs' of row 1 is not finite at step 2"),
        (4, "observation", "environment counting: observation 'obs' of row 1 is not finite at the bootstrap row"),
        (3, "reward", "environment counting: the reward of row 2 is not finite at step 2"),
    ],
)
def test_values_that_are_not_finite_end_the_run_with_a_clear_message(count, kind, message):
    site = Site()
    worker = start(site)
    site.envs[0, 0].poison = {count: kind}
    with pytest.raises(ValueError, match=message):
        advance(worker, STEPS)
    assert Ledger(site.arena).ready(0) == []


def test_closing_reports_the_last_episodes():
    site = Site()
    site.publish(0, version=0)
    worker = site.setup.build(0, Slot(site.arena, 0), site.reports)
    worker.report(1.0)
    for _ in range(4):
        worker.advance()
    worker.report(1.1)  # too early for another one
    assert site.reports.sent == []
    worker.close()
    assert [kind for kind, _ in site.reports.sent] == ["episodes"]


def test_closing_closes_every_environment():
    site = Site(groups=2)
    start(site).close()
    assert all(env.is_closed for env in site.envs.values())


class WarmEnv(CountingEnv):
    """Remembers how it was warmed up."""

    def warm_up(self, steps, rng, out):
        assert self.seeds, "reset comes first"
        self.warm_up_steps = steps.tolist()
        out["obs"][:, 1] = 50


def warmed_up(steps: int, index: int = 0) -> Site:
    site = Site(num_workers=2)

    def make(worker: int, group: int) -> WarmEnv:
        return site.envs.setdefault((worker, group), WarmEnv())

    site.setup = dataclasses.replace(site.setup, make_env=make, warm_up_steps=steps)
    start(site, index=index).advance()
    return site


def test_environments_begin_after_different_numbers_of_random_steps():
    site = warmed_up(1000)
    steps = site.envs[0, 0].warm_up_steps
    assert len(set(steps)) == ROWS and min(steps) >= 0 and max(steps) <= 1000
    assert (block_view(site.arena, site.schema, 0).obs["obs"][0, :, 1] == 50).all()
    assert warmed_up(1000).envs[0, 0].warm_up_steps == steps
    assert warmed_up(1000, index=1).envs[1, 0].warm_up_steps != steps


def test_environments_are_not_warmed_up_if_nobody_asks():
    assert not hasattr(warmed_up(0).envs[0, 0], "warm_up_steps")


def test_a_pausing_worker_is_visibly_alive_and_can_be_stopped():
    site, slept = Site(), []
    slot = Slot(site.arena, 0)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        assert slot.row[Field.HEARTBEAT] > 0
        slot.row[Field.HEARTBEAT] = 0

    pause(0.5, slot, sleep)
    assert sum(slept) == pytest.approx(0.5) and len(slept) == 3
    site.arena["stop"][:] = 1
    pause(100.0, slot, sleep)
    assert len(slept) == 3
