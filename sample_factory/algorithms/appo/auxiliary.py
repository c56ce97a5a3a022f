"""The auxiliary loss CPC|A as the learner uses it: options in, one weighted scalar out. Knows no policy and value."""

from __future__ import annotations

import torch
from torch import Tensor

from sample_factory.config.learning import LearningConfig
from sample_factory.models.actor_critic import ActorCritic
from sample_factory.models.cpc import ActionConditionedPredictor
from sample_factory.rl.cpc import cpc_loss, sample_pairs

_WEIGHT = 0.1


class AuxiliaryLoss:
    """The loss and the network that only the loss needs, which is no part of the policy."""

    def __init__(self, model: ActorCritic, options: LearningConfig, generator: torch.Generator) -> None:
        device = next(model.parameters()).device
        self.network = ActionConditionedPredictor(model.layout, model.core_size, model.feature_size).to(device)
        self._options, self._generator = options, generator

    def __call__(self, features: Tensor, core_out: Tensor, actions: Tensor, valid: Tensor, resets: Tensor) -> Tensor:
        """The weighted loss of a minibatch, a scalar with a gradient.

        Args:
            features: [t or t + 1, b, E] of the encoders; core_out: [t or t + 1, b, H].
            actions: [t, b, num_actions]; valid, resets: [t, b] bool.
        """
        options = self._options
        pairs = sample_pairs(
            valid,
            resets,
            len(features),
            options.cpc_forward_steps,
            options.cpc_time_subsample,
            options.cpc_forward_subsample,
            self._generator,
        )
        positives, negatives = self.network(core_out, features, actions, pairs)
        return _WEIGHT * cpc_loss(positives, negatives, pairs.unbroken)
