"""What a model and a policy are built from, for processes that only pass it on. Loads no torch until it builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sample_factory.config.model import ModelConfig
from sample_factory.rl.spaces import ActionLayout, KeySpec
from sample_factory.sampling.policy import Policy
from sample_factory.system.registrations import Registrations, restore

if TYPE_CHECKING:
    from sample_factory.models.actor_critic import ActorCritic


@dataclass(frozen=True)
class ModelSpec:
    """What a model is built from; picklable."""

    keys: Mapping[str, KeySpec]
    actions: ActionLayout
    config: ModelConfig
    registrations: Registrations = field(default_factory=dict)
    """What the user's script registered in the main process and models are built from."""

    def build(self) -> ActorCritic:
        """A fresh model in float32."""
        from sample_factory.models.actor_critic import make_actor_critic

        restore(self.registrations)
        return make_actor_critic(dict(self.keys), self.actions, self.config)


def make_policy(spec: ModelSpec, device: str, bfloat16: bool, deterministic: bool, seed: int) -> Policy:
    """Build the policy in the process that acts."""
    from sample_factory.algorithms.appo.policy import AppoPolicy

    return AppoPolicy(spec, device, bfloat16, deterministic, seed)
