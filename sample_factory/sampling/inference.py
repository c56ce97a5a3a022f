"""Acting for rows in the arena: one forward pass, straight from the blocks and back into them.

The same code in policy workers and in rollout workers.

Knows the `Policy` seam, not the model behind it.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sample_factory.sampling.blocks import BlockSchema
from sample_factory.sampling.policy import Policy, PolicyDescription
from sample_factory.sampling.weights import Weights
from sample_factory.system.arena import Arena


class Places(NamedTuple):
    """Where the rows of one batch are: one group's (numbers: nothing is copied), or several groups' (arrays [n])."""

    groups: int | np.ndarray
    blocks: int | np.ndarray
    steps: int | np.ndarray
    rows: np.ndarray | None = None
    """Which row of its group each one is, [n]; None for every row of the groups."""

    @property
    def in_blocks(self) -> tuple[int | np.ndarray, ...]:
        """Index of arrays [block, step, row, ...]."""
        return (self.blocks, self.steps) if self.rows is None else (self.blocks, self.steps, self.rows)

    @property
    def in_groups(self) -> tuple[int | np.ndarray, ...]:
        """Index of arrays [group, row, ...]."""
        return (self.groups,) if self.rows is None else (self.groups, self.rows)


class Inference:
    """One policy in one process."""

    def __init__(
        self, arena: Arena, schema: BlockSchema, policy_id: int, description: PolicyDescription, seed: int
    ) -> None:
        self._policy: Policy = description.make(seed)
        self._policy_id = policy_id
        self._weights = Weights(arena, policy_id)
        self._publication, self._version = 0, 0
        self._obs = {name: (arena[f"obs/{name}"], key.shape) for name, key in schema.keys.items()}
        self._recorded = {name: arena[name] for name in description.recorded}
        self._states, self._actions = arena["running_states"], arena["actions"]
        self._versions, self._policy_ids = arena["versions"], arena["policy_ids"]

    @property
    def has_weights(self) -> bool:
        """Whether the learner has published anything yet."""
        return self._weights.publication > 0

    # hot path
    def refresh(self) -> None:
        """Load the newest weights if there are newer ones."""
        if self._weights.publication != self._publication:
            self._publication, self._version = self._weights.read(self._policy.load)

    # hot path
    def act(self, places: Places) -> None:
        """Write actions and what else the policy records into the blocks, and bring recurrent states forward."""
        at, at_state = places.in_blocks, places.in_groups
        state = self._states[at_state]
        lead, width = state.shape[:-1], state.shape[-1]
        count = math.prod(lead)
        obs = {name: array[at].reshape(count, *shape) for name, (array, shape) in self._obs.items()}
        output = self._policy.act(obs, state.reshape(count, width))
        self._actions[at] = output.actions.reshape(*lead, -1)
        for name, values in output.recorded.items():
            self._recorded[name][at] = values.reshape(*lead, *values.shape[1:])
        self._versions[at] = self._version
        self._policy_ids[at] = self._policy_id
        if width:
            self._states[at_state] = output.state.reshape(*lead, width)
