"""The policy worker: batched inference for the groups assigned to it. Knows no environment."""

from __future__ import annotations

import time

import numpy as np

from sample_factory.sampling.assignment import rows_of
from sample_factory.sampling.blocks import BlockSchema, block_view
from sample_factory.sampling.inference import ActRequest, Inference
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.requests import RequestTable
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.arena import Arena
from sample_factory.system.board import Field, Slot
from sample_factory.system.doorbell import Bell, Doorbell
from sample_factory.system.reports import ReportWriter


class PolicyWorker:
    """Serves every open request of its groups in one batch."""

    def __init__(
        self,
        arena: Arena,
        schema: BlockSchema,
        description: PolicyDescription,
        policy: int,
        groups: np.ndarray,
        slot: Slot,
        seed: int,
    ) -> None:
        self._groups = groups
        self._policy = policy
        self._schema = schema
        self._requests = RequestTable(arena)
        self._running = arena["running_states"]
        self._row_policies = arena["row_policies"]
        self._blocks = {
            index: block_view(arena, schema, index) for group in groups for index in schema.blocks_of_group(int(group))
        }
        self._inference = Inference(arena, schema, policy, description, seed, max_rows=len(groups) * schema.rows)
        self._slot = slot

    # hot path
    def advance(self) -> set[int]:
        """Serve what is open; returns the rollout workers whose groups have their actions."""
        if not self._inference.has_weights:
            return set()
        open_requests = self._requests.open_requests(self._groups, self._policy)
        if not open_requests:
            return set()
        start = time.perf_counter()
        self._inference.refresh()
        requests = [
            ActRequest(
                self._blocks[block], step, self._running[group], rows_of(self._row_policies[group], self._policy)
            )
            for group, _, block, step in open_requests
        ]
        # The successor of a worker that was killed may have given its rows to others.
        self._inference.act([request for request in requests if request.rows is None or len(request.rows)])
        for group, number, _, _ in open_requests:
            self._requests.answer(group, self._policy, number)
        self._slot.add(Field.INFERENCE_SEC, time.perf_counter() - start)
        self._slot.add(Field.REQUESTS, len(open_requests))
        self._slot.add(Field.PROGRESS, 1)
        return {group // self._schema.groups_per_worker for group, *_ in open_requests}


def run_policy_worker(make: PolicyWorkerSetup, doorbell: Doorbell, bells: list[Bell], reports: ReportWriter) -> None:
    """Serve until told to stop."""
    worker, slot = make.build()
    slot.row[Field.READY] = 1
    while not slot.stopping:
        slot.beat()
        served = worker.advance()
        for index in served:
            bells[index].ring()
        if not served:
            start = time.perf_counter()
            doorbell.wait(1.0)
            slot.add(Field.WAIT_REQUESTS_SEC, time.perf_counter() - start)
    reports.flush()


class PolicyWorkerSetup:
    """What a policy worker is built from, in its own process."""

    def __init__(
        self,
        arena: Arena,
        schema: BlockSchema,
        description: PolicyDescription,
        policy: int,
        groups: np.ndarray,
        slot: int,
        seed: int,
        threads: int,
    ) -> None:
        self._args = (arena, schema, description, policy, groups)
        self._slot, self._seed, self._threads = slot, seed, threads

    def build(self) -> tuple[PolicyWorker, Slot]:
        """Build it here."""
        limit_threads(self._threads, with_torch=True)
        slot = Slot(self._args[0], self._slot)
        slot.beat()
        return PolicyWorker(*self._args, slot, self._seed), slot
