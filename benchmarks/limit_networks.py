"""Networks of the cases in plain PyTorch, for the limit. Know neither our engine's networks nor an environment.

No input is scaled: that can be folded into the weights of the first layer, so it is not necessary work.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.cases.work import Network

_ACTIVATIONS = {"elu": nn.ELU, "tanh": nn.Tanh}


class ActorCritic(nn.Module):
    """From observations to the parameters of a distribution and a value.

    Args:
        obs_shape: of one stored row; (height, width, channels) with convolutions.
        num_outputs: logits or means.
    """

    def __init__(self, network: Network, obs_shape: tuple[int, ...], num_outputs: int) -> None:
        super().__init__()
        self._is_image = bool(network.convolutions)
        size, body = obs_shape[-1], nn.Sequential()
        for channels, kernel, stride in network.convolutions:
            body.extend([nn.Conv2d(size, channels, kernel, stride), _ACTIVATIONS[network.activation]()])
            size = channels
        if self._is_image:
            body.append(nn.Flatten())
            with torch.no_grad():
                size = body(torch.zeros(1, obs_shape[2], *obs_shape[:2])).shape[1]
        for width in network.layers:
            body.extend([nn.Linear(size, width), _ACTIVATIONS[network.activation]()])
            size = width
        self.body = body.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.core = nn.GRU(size, network.gru) if network.gru else None
        self.head = nn.Linear(network.gru or size, num_outputs + 1)
        self.log_std = nn.Parameter(torch.zeros(num_outputs))  # for continuous actions only

    def forward(self, obs: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Observations [T, B, *obs_shape] of any dtype and state [B, gru] to outputs, values [T, B] and next state."""
        steps, rows = obs.shape[:2]
        x = obs.flatten(0, 1).to(compute_dtype(self))
        features = self.body(x.permute(0, 3, 1, 2) if self._is_image else x).unflatten(0, (steps, rows))
        if self.core is not None:
            assert state is not None
            features, states = self.core(features, state.to(features.dtype)[None])
            state = states[0]
        outputs = self.head(features)
        return outputs[..., :-1], outputs[..., -1], state


def compute_dtype(network: nn.Module) -> torch.dtype:
    """What inputs are best cast to."""
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu")
    return next(network.parameters()).dtype
