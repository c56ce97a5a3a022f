"""A run in one process, in a fixed order: bit-identical for equal seeds on the CPU.

The same worker classes, no waiting.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

import numpy as np

from sample_factory.algorithms.appo.components import learner_arguments
from sample_factory.algorithms.appo.director import Director
from sample_factory.algorithms.appo.monitor import Monitor
from sample_factory.algorithms.appo.wiring import Wiring
from sample_factory.algorithms.status import Status
from sample_factory.sampling.policy_worker import PolicyWorker
from sample_factory.sampling.rollout_worker import RolloutWorker
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.board import Field, Slot
from sample_factory.system.reports import Report
from sample_factory.system.telemetry import Telemetry


class _Reports:
    """Collects what the components send."""

    def __init__(self) -> None:
        self.waiting: list[Report] = []

    def send(self, kind: str, **data: Any) -> None:
        self.waiting.append(Report("serial", kind, data))

    def take(self) -> list[Report]:
        taken, self.waiting = self.waiting, []
        return taken


class _Sampler:
    """All rollout and policy workers, built from one seed."""

    def __init__(self, wiring: Wiring, seed: int, reports: _Reports) -> None:
        first = wiring.num_policies + wiring.num_policy_workers
        setup = wiring.rollout_setup(seed)
        self.workers: list[RolloutWorker] = [
            setup.build(worker, Slot(wiring.arena, first + worker), reports)
            for worker in range(wiring.plan.num_workers)
        ]
        per_policy = wiring.config.sampling.policy_workers_per_policy
        self.policy_workers = [
            PolicyWorker(
                wiring.arena,
                wiring.schema,
                wiring.policy,
                index // per_policy,
                wiring.groups_of_policy_worker(index % per_policy),
                Slot(wiring.arena, wiring.num_policies + index),
                seed + 1000 + index,
            )
            for index in range(wiring.num_policy_workers)
        ]

    def advance(self) -> None:
        for worker in self.workers:
            worker.advance()
            worker.handed_over.clear()
        for policy_worker in self.policy_workers:
            policy_worker.advance()

    def close(self) -> None:
        for worker in self.workers:
            worker.close()


def run_serial(
    wiring: Wiring,
    telemetry: Telemetry,
    ending: Callable[[Monitor], Status | None],
    directors: Sequence[Director] = (),
) -> Status:
    """Run until `ending` has a status.

    A checkpoint made because of `--save_every_updates` is a barrier: all episodes start over from seeds that depend
    on the run's seed and the update alone, exactly as they do when the run is resumed from that checkpoint.
    """
    from sample_factory.algorithms.appo.learner_worker import LearnerSetup, LearnerWorker

    limit_threads(1, with_torch=True)
    slots = {
        "learner": range(wiring.num_policies),
        "policy worker": range(wiring.num_policies, wiring.num_policies + wiring.num_policy_workers),
        "rollout worker": [
            wiring.num_policies + wiring.num_policy_workers + worker for worker in range(wiring.plan.num_workers)
        ],
    }
    monitor, reports = Monitor(wiring, telemetry, slots), _Reports()
    learners = [
        LearnerWorker(
            LearnerSetup(**learner_arguments(wiring, policy)), Slot(wiring.arena, policy), reports, lambda block: None
        )
        for policy in range(wiring.num_policies)
    ]
    wiring.arena["board"][:, Field.READY] = 1
    sampler = _Sampler(wiring, _seed(wiring.seed, learners), reports)
    try:
        for turn in count(1):
            sampler.advance()
            for learner in learners:
                learner.advance()
            if any(learner.checkpointed for learner in learners):
                sampler.close()
                _clear(wiring, learners)
                sampler = _Sampler(wiring, _seed(wiring.seed, learners), reports)
            now = time.monotonic()
            for worker in sampler.workers:
                worker.report(float(turn))  # at every turn, whatever the time: a population decides by it
            for report in reports.take():
                monitor.take(report)
                for director in directors:
                    director.take(report)
            monitor.tick(now)
            for director in directors:
                director.tick()
            status = ending(monitor)
            if status is not None:
                return status
        raise AssertionError("counting never ends")
    finally:
        sampler.close()
        for learner in learners:
            learner.finish()
        for report in reports.take():
            monitor.take(report)
        for director in directors:
            director.close()
        telemetry.close(time.monotonic())


def _seed(seed: int, learners: Sequence[Any]) -> int:
    """The sampler's seed at this point of the run."""
    return int(np.random.SeedSequence([seed, *(learner.train_step for learner in learners)]).generate_state(1)[0])


def _clear(wiring: Wiring, learners: Sequence[Any]) -> None:
    """Forget experience that has been sampled and not yet learnt from."""
    for learner in learners:
        learner.forget_experience()
    for name in ("ledger/filling", "ledger/readers", "requests/asked", "requests/answered"):
        wiring.arena[name][:] = 0
