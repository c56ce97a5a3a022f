"""The policy worker: batched inference for the groups assigned to it. Knows no environment."""

from __future__ import annotations

import time
from collections.abc import Set

import numpy as np

from sample_factory.sampling.blocks import BlockSchema
from sample_factory.sampling.inference import Inference, Places
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.requests import OpenRequests, RequestTable
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.arena import Arena
from sample_factory.system.board import Field, Slot
from sample_factory.system.doorbell import Bell, Doorbell
from sample_factory.system.reports import ReportWriter

_NOBODY: Set[int] = frozenset()


class PolicyWorker:
    """Serves every open request of its groups to a policy and its past versions, each in one batch."""

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
        self._schema = schema
        self._requests = RequestTable(arena)
        self._row_players = arena["row_players"]
        self._inference = {
            player: Inference(arena, schema, player, description, seed + offset)
            for offset, player in enumerate((policy, *schema.past_players(policy)))
        }
        self._slot = slot

    # hot path
    def advance(self) -> Set[int]:
        """Serve what is open; returns the rollout workers whose groups have their actions."""
        served: Set[int] = _NOBODY
        for player, inference in self._inference.items():
            if inference.has_weights:
                served |= self._serve(player, inference)
        return served

    # hot path
    def _serve(self, player: int, inference: Inference) -> Set[int]:
        found = self._requests.open_requests(self._groups, player)
        if not len(found.groups):
            return _NOBODY
        start = time.perf_counter()
        inference.refresh()
        places = self._places(found, player)
        # The successor of a worker that was killed may have given its rows to others.
        if places.rows is None or len(places.rows):
            inference.act(places)
        self._requests.answer(found.groups, player, found.numbers)
        self._slot.add(Field.INFERENCE_SEC, time.perf_counter() - start)
        self._slot.add(Field.REQUESTS, len(found.groups))
        self._slot.add(Field.PROGRESS, 1)
        return set((found.groups // self._schema.groups_per_worker).tolist())

    # hot path
    def _places(self, found: OpenRequests, player: int) -> Places:
        if self._schema.num_players == 1:
            return Places(found.groups, found.blocks, found.steps)
        which, rows = np.nonzero(self._row_players[found.groups] == player)
        return Places(found.groups[which], found.blocks[which], found.steps[which], rows)


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
