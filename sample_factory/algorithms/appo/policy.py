"""The APPO policy as the sampler sees it: weights in, actions out, as NumPy arrays. Knows no block and no process."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sample_factory.algorithms.appo.fixed_batches import FixedBatches, GraphRecorder
from sample_factory.algorithms.appo.model_spec import ModelSpec, make_policy
from sample_factory.models.actor_critic import PolicyStep
from sample_factory.models.flat import FlatWeights
from sample_factory.sampling.policy import PolicyDescription, PolicyOutput
from sample_factory.system.arena import ArraySpec


class AppoPolicy:
    """Acts with a copy of the learner's model."""

    def __init__(self, spec: ModelSpec, device: str, bfloat16: bool, deterministic: bool, seed: int) -> None:
        self._device = torch.device(device)
        self._model = spec.build().eval().requires_grad_(False).to(self._device)
        if bfloat16:
            self._model.to_inference_precision(torch.bfloat16)
        self._weights = FlatWeights(self._model)
        self._generator = torch.Generator(self._device).manual_seed(seed)
        self._deterministic = deterministic
        self._batches: FixedBatches | None = None
        if self._device.type == "cuda":
            self._batches = FixedBatches(self._act, self._generator, GraphRecorder(self._device, seed + 1))

    @torch.inference_mode()
    def load(self, weights: np.ndarray) -> None:
        """Copy the flat vector into the model."""
        self._weights.load(torch.from_numpy(weights))

    # hot path
    @torch.inference_mode()
    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyOutput:
        """One forward pass for n rows."""
        if self._batches is not None:
            step = self._batches.act(obs, state)
        else:
            inputs = {name: torch.from_numpy(array) for name, array in obs.items()}
            step = self._act(inputs, torch.from_numpy(state), self._generator)
        recorded = {"action_logits": step.action_logits, "log_probs": step.log_probs, "values": step.values}
        return PolicyOutput(
            step.actions.numpy(),
            {name: tensor.numpy() for name, tensor in recorded.items()},
            step.state.float().numpy(),
        )

    def _act(self, obs: Mapping[str, Tensor], state: Tensor, generator: torch.Generator) -> PolicyStep:
        return self._model.act(obs, state, generator, self._deterministic)


def describe_policy(spec: ModelSpec, device: str, bfloat16: bool) -> PolicyDescription:
    """What the sampler must know of the policy before it starts."""
    model = spec.build()
    recorded = {
        "action_logits": ArraySpec((model.layout.num_logits,), np.float32),
        "log_probs": ArraySpec((), np.float32),
        "values": ArraySpec((), np.float32),
    }
    return PolicyDescription(
        state_size=model.state_size,
        num_weights=FlatWeights(model).size,
        recorded=recorded,
        make=partial(make_policy, spec, device, bfloat16, False),
    )
