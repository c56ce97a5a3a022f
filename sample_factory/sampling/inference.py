"""Acting for rows in the arena: gather, one forward pass, scatter.

The same code in policy workers and in rollout workers.

Knows the `Policy` seam, not the model behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sample_factory.sampling.blocks import Block, BlockSchema
from sample_factory.sampling.policy import Policy, PolicyDescription
from sample_factory.sampling.weights import Weights
from sample_factory.system.arena import Arena


class ActRequest(NamedTuple):
    """Rows of one group at one step."""

    block: Block
    step: int
    running_state: np.ndarray  # [rows, state_size], brought forward in place
    rows: np.ndarray | None  # which rows of the group this policy acts for; None for all


class Inference:
    """One policy in one process."""

    def __init__(
        self,
        arena: Arena,
        schema: BlockSchema,
        policy_id: int,
        description: PolicyDescription,
        seed: int,
        max_rows: int,
    ):
        self._policy: Policy = description.make(seed)
        self._policy_id = policy_id
        self._weights = Weights(arena, policy_id)
        self._flat = np.empty(description.num_weights, np.float32)
        self._publication, self._version = 0, 0
        self._obs = {name: np.empty((max_rows, *key.shape), key.dtype) for name, key in schema.keys.items()}
        self._state = np.empty((max_rows, schema.state_size), np.float32)

    @property
    def has_weights(self) -> bool:
        """Whether the learner has published anything yet."""
        return self._weights.publication > 0

    # hot path
    def refresh(self) -> None:
        """Load the newest weights if there are newer ones."""
        if self._weights.publication != self._publication:
            self._publication, self._version = self._weights.read_into(self._flat)
            self._policy.load(self._flat)

    # hot path
    def act(self, requests: Sequence[ActRequest]) -> None:
        """Write actions and what else the policy records into the blocks."""
        if not requests:
            return
        if len(requests) == 1 and requests[0].rows is None:
            request = requests[0]
            output = self._policy.act(
                {name: array[request.step] for name, array in request.block.obs.items()}, request.running_state
            )
        else:
            count = self._gather(requests)
            output = self._policy.act({name: array[:count] for name, array in self._obs.items()}, self._state[:count])
        at = 0
        for request in requests:
            block, step, state, rows = request
            count = len(state) if rows is None else len(rows)
            target, source = slice(None) if rows is None else rows, slice(at, at + count)
            block.actions[step, target] = output.actions[source]
            for name, values in output.recorded.items():
                block.recorded[name][step, target] = values[source]
            block.versions[step, target] = self._version
            block.policy_ids[step, target] = self._policy_id
            state[target] = output.state[source]
            at += count

    def _gather(self, requests: Sequence[ActRequest]) -> int:
        at = 0
        for block, step, state, rows in requests:
            source = slice(None) if rows is None else rows
            count = len(state) if rows is None else len(rows)
            for name, array in block.obs.items():
                self._obs[name][at : at + count] = array[step, source]
            self._state[at : at + count] = state[source]
            at += count
        return at
