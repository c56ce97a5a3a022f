"""A policy as one function from named arrays to named arrays, which is what gets exported. Knows no file format."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sample_factory.models.actor_critic import ActorCritic
from sample_factory.rl import distributions
from sample_factory.rl.spaces import KeySpec

STATE, NEXT_STATE = "rnn_state", "next_rnn_state"
ACTIONS, PARAMS, VALUES = "actions", "action_params", "values"


class ActingModule(nn.Module):
    """One decision for N rows: observations, and the state of a recurrent network, to what follows from them."""

    def __init__(self, model: ActorCritic, keys: Mapping[str, KeySpec]) -> None:
        """
        Raises:
            ValueError: an observation has the name of the recurrent state.
        """
        super().__init__()
        if STATE in keys:
            raise ValueError(f"an observation is called {STATE}, which is the name of the recurrent state")
        self._model = _with_final_weights(model)
        self._keys = dict(keys)
        self._state_size = model.state_size
        remembers = model.state_size > 0
        self.input_names = (*keys, STATE) if remembers else tuple(keys)
        self.output_names = (ACTIONS, PARAMS, VALUES, NEXT_STATE) if remembers else (ACTIONS, PARAMS, VALUES)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        """Inputs [N, ...] in the order of `input_names` to outputs [N, ...] in the order of `output_names`."""
        obs = dict(zip(self._keys, inputs, strict=False))
        rows = next(iter(obs.values()))
        state = inputs[-1] if self._state_size else torch.zeros(rows.shape[0], 0)
        core_out, next_state = self._model.step(self._model.features(obs), state)
        logits, values = self._model.heads(core_out)
        mask = self._model.action_mask(obs)
        params = distributions.usable_params(self._model.layout, logits, mask)
        outputs = (distributions.mode(self._model.layout, logits, mask), params, values)
        return (*outputs, next_state) if self._state_size else outputs

    def example_inputs(self, num_rows: int) -> tuple[Tensor, ...]:
        """Zeros of the right shapes and dtypes."""
        arrays = [np.zeros((num_rows, *spec.shape), spec.dtype) for spec in self._keys.values()]
        if self._state_size:
            arrays.append(np.zeros((num_rows, self._state_size), np.float32))
        return tuple(map(torch.from_numpy, arrays))


def _with_final_weights(model: ActorCritic) -> ActorCritic:
    """A copy in which what computes weights (spectral normalisation) has been replaced by what it gives."""
    model = copy.deepcopy(model).eval()
    for layer in list(model.modules()):
        if parametrize.is_parametrized(layer):
            for name in list(layer.parametrizations):  # type: ignore[arg-type]
                parametrize.remove_parametrizations(layer, name, leave_parametrized=True)
    return model.requires_grad_(False)
