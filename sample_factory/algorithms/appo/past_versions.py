"""The past versions of one policy: files in its checkpoint folder, and weights that play. Knows no opponent.

Kept by the policy's learner. The files are checkpoints without an optimizer; with them a resumed run has the same pool.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch

from sample_factory.algorithms.appo.wiring import PAST_ENV_STEPS
from sample_factory.models.actor_critic import ActorCritic
from sample_factory.models.flat import FlatWeights
from sample_factory.sampling.blocks import BlockSchema
from sample_factory.sampling.weights import Weights
from sample_factory.system.arena import Arena
from sample_factory.system.checkpoints import CheckpointError, CheckpointStore, load_state

log = logging.getLogger(__name__)

FOLDER = "pool"
"""In the checkpoint folder of the policy."""


class PastVersions:
    """At most as many as there are players for them; the oldest makes room."""

    def __init__(self, arena: Arena, schema: BlockSchema, policy: int, directory: Path) -> None:
        """
        Args:
            directory: checkpoint folder of the policy.
        """
        self._env_steps = arena[PAST_ENV_STEPS][policy]
        self._weights = [Weights(arena, player) for player in schema.past_players(policy)]
        self._store = CheckpointStore(directory / FOLDER, max(1, len(self._weights)))

    def restore(self, build: Callable[[], ActorCritic]) -> None:
        """Let those play that are on the disk and do not play yet: a run is resumed, or a predecessor was killed."""
        if not self._weights:
            return
        for path in self._store.checkpoints()[-len(self._weights) :]:
            try:
                state = load_state(path)
            except (CheckpointError, FileNotFoundError) as error:
                log.warning("%s; it does not play", error)
                continue
            if state["env_steps"] not in self._env_steps:
                model = build()
                model.load_state_dict(state["model"])
                self._publish(model, state["train_step"], state["env_steps"])

    def keep(self, model: ActorCritic, train_step: int, env_steps: int) -> None:
        """Let the policy as it is now play for ever.

        Raises:
            CheckpointError: it could not be written, and plays only until the run ends.
        """
        self._publish(model, train_step, env_steps)
        state = {"model": model.state_dict(), "train_step": train_step, "env_steps": env_steps}
        self._store.save(state, train_step, env_steps)

    def _publish(self, model: ActorCritic, train_step: int, env_steps: int) -> None:
        oldest = int(self._env_steps.argmin())
        weights = self._weights[oldest]
        FlatWeights(model).write_to(torch.from_numpy(weights.slot_to_write()))
        weights.publish(train_step)
        self._env_steps[oldest] = env_steps
