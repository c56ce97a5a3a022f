"""A policy worker serves all groups that wait, in one batch, and each gets its own actions."""

from __future__ import annotations

import numpy as np

from sample_factory.sampling.blocks import block_view
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.policy_worker import PolicyWorker
from sample_factory.sampling.tests.fakes import DESCRIPTION, ROWS, STEPS, CountingPolicy, Site
from sample_factory.system.board import Field, Slot


class Crew:
    """Two workers with two groups each, and policy workers."""

    def __init__(self, num_policy_workers: int = 1) -> None:
        self.site = Site(num_workers=2, groups=2, inline=False)
        self.policies: list[CountingPolicy] = []
        description = PolicyDescription(*DESCRIPTION[:3], make=self.make)
        arena, schema = self.site.arena, self.site.schema
        self.policy_workers = [
            PolicyWorker(arena, schema, description, 0, np.arange(i, 4, num_policy_workers), Slot(arena, 2), 5)
            for i in range(num_policy_workers)
        ]
        self.workers = [self.site.setup.build(i, Slot(arena, i), self.site.reports) for i in range(2)]

    def make(self, seed: int) -> CountingPolicy:
        self.policies.append(CountingPolicy(seed))
        return self.policies[-1]


def test_nobody_is_served_before_there_are_weights():
    crew = Crew()
    for worker in crew.workers:
        worker.advance()
    assert crew.policy_workers[0].advance() == set()
    crew.site.publish(0.0, 0)
    assert crew.policy_workers[0].advance() == {0, 1}
    assert crew.policy_workers[0].advance() == set()


def test_all_waiting_groups_are_one_batch():
    crew = Crew()
    crew.site.publish(0.0, 0)
    crew.workers[0].advance()
    assert crew.policy_workers[0].advance() == {0}
    for worker in crew.workers:
        worker.advance()
    assert crew.policy_workers[0].advance() == {0, 1}
    assert crew.policies[0].batches == [2 * ROWS, 4 * ROWS]
    row = crew.site.arena["board"][2]
    assert row[Field.REQUESTS] == 6 and row[Field.PROGRESS] == 2


def test_blocks_are_the_same_as_with_inline_inference():
    crew, alone = Crew(num_policy_workers=2), Site(num_workers=2, groups=2)
    for site in (crew.site, alone):
        site.publish(4.0, 3)
    for _ in range(2 * STEPS + 2):
        crew.workers[0].advance()
        crew.policy_workers[0].advance()
        crew.workers[1].advance()
        crew.policy_workers[1].advance()
    inline = [alone.setup.build(i, Slot(alone.arena, i), alone.reports) for i in range(2)]
    for _ in range(2 * STEPS):
        for worker in inline:
            worker.advance()
    for index in range(alone.schema.num_blocks):
        served, own = block_view(crew.site.arena, alone.schema, index), block_view(alone.arena, alone.schema, index)
        for name in ("actions", "states", "rewards", "valid", "resets", "policy_ids", "versions"):
            assert (getattr(served, name) == getattr(own, name)).all(), name
        for name in ("values", "ages"):
            assert (served.recorded[name] == own.recorded[name]).all(), name
        assert (served.obs["obs"] == own.obs["obs"]).all()
    assert len(crew.policies) == 2 and all(policy.batches for policy in crew.policies)


def test_each_policy_worker_serves_its_own_groups():
    crew = Crew(num_policy_workers=2)
    crew.site.publish(0.0, 0)
    crew.workers[0].advance()
    assert crew.policy_workers[1].advance() == {0}
    assert crew.policies[1].batches == [ROWS]
    asked, answered = crew.site.arena["requests/asked"], crew.site.arena["requests/answered"]
    assert (asked - answered)[:, 0].tolist() == [1, 0, 0, 0]
