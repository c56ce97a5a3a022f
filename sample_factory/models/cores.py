"""Cores: what remembers. Recurrent networks, or nothing, behind one interface. Knows no observation and no action.

The state of a row is one flat vector [state_size]: the layers' hidden states, followed for an LSTM by their cell
states. Without memory its width is 0.
"""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor, nn

from sample_factory.models.options import ModelOptions, one_of
from sample_factory.rl.gru import gru_sequence
from sample_factory.rl.sequences import run_sequence


class Core(Protocol):
    """What every core is, besides an `nn.Module`.

    `sequence` is what is trained and `step` is what acts: T calls of `step`, with zero state where `resets` says so,
    give what one call of `sequence` gives.
    """

    output_size: int
    """H."""
    state_size: int
    """S, numbers that a row remembers from one step to the next; 0 for no memory."""

    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, F] and float32 state [N, S] to output [N, H] and the new float32 state [N, S].

        Features are in the precision of the module's weights, which is bfloat16 where inference is.
        """
        ...

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        """[T, B, F] from state [B, S] to outputs [T, B, H], with gradients.

        Args:
            resets: [T, B] or [T - 1, B] bool; where resets[t], the state is zero at t + 1.
        """
        ...


def unroll(core: Core, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
    """The `sequence` of a core, made of its `step`; slower than one of its own, and never different."""
    outputs = []
    for t, rows in enumerate(features):
        output, state = core.step(rows, state)
        outputs.append(output)
        if t < len(resets):
            state = torch.where(resets[t][:, None], 0.0, state)
    return torch.stack(outputs)


class IdentityCore(nn.Module):
    """No memory: features pass through."""

    state_size = 0

    def __init__(self, input_size: int) -> None:
        super().__init__()
        self.output_size = input_size

    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """[N, F] and [N, 0] to the same."""
        return features, state

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        """[T, B, F] to the same."""
        return features


class GruCore(nn.Module):
    """A GRU of one or more layers."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.rnn = nn.GRU(input_size, hidden_size, num_layers)
        self.output_size = hidden_size
        self.state_size = num_layers * hidden_size

    # hot path
    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, F] and state [N, S] to output [N, H] and the new float32 state [N, S]."""
        rnn, new = self.rnn, []
        hidden_states = state.to(_dtype(rnn)).chunk(rnn.num_layers, 1)
        for hidden, (w_ih, w_hh, b_ih, b_hh) in zip(hidden_states, rnn.all_weights, strict=True):
            features = torch.gru_cell(features, hidden, w_ih, w_hh, b_ih, b_hh)
            new.append(features)
        return features, (new[0] if len(new) == 1 else torch.cat(new, 1)).float()

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        """[T, B, F] from state [B, S] to outputs [T, B, H]; where resets[t], the state is zero at t + 1."""
        rnn = self.rnn
        if features.device.type != "cpu":
            return run_sequence(rnn, features, _layered(state, rnn).to(features.dtype), resets)
        dropped = _dropped(resets[: len(features) - 1])
        for hidden, weights in zip(state.chunk(rnn.num_layers, 1), rnn.all_weights, strict=True):
            features = gru_sequence(features, hidden, dropped, weights)
        return features


class LstmCore(nn.Module):
    """An LSTM of one or more layers."""

    def __init__(self, input_size: int, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.rnn = nn.LSTM(input_size, hidden_size, num_layers)
        self.output_size = hidden_size
        self.state_size = 2 * num_layers * hidden_size

    # hot path
    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Features [N, F] and state [N, S] to output [N, H] and the new float32 state [N, S]."""
        rnn = self.rnn
        states = state.to(_dtype(rnn)).chunk(2 * rnn.num_layers, 1)
        new_hidden, new_cell = [], []
        for layer, (w_ih, w_hh, b_ih, b_hh) in enumerate(rnn.all_weights):
            previous = (states[layer], states[rnn.num_layers + layer])
            features, cell = torch.lstm_cell(features, previous, w_ih, w_hh, b_ih, b_hh)
            new_hidden.append(features)
            new_cell.append(cell)
        return features, torch.cat(new_hidden + new_cell, 1).float()

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        """[T, B, F] from state [B, S] to outputs [T, B, H]; where resets[t], the state is zero at t + 1."""
        hidden, cell = state.to(features.dtype).chunk(2, 1)
        return run_sequence(self.rnn, features, (_layered(hidden, self.rnn), _layered(cell, self.rnn)), resets)


def make_core(input_size: int, options: ModelOptions) -> Core:
    """The core that the options name."""
    one_of("rnn_type", options.rnn_type, ("gru", "lstm"))
    if not options.use_rnn:
        return IdentityCore(input_size)
    kind = GruCore if options.rnn_type == "gru" else LstmCore
    return kind(input_size, options.hidden_size, options.rnn_num_layers)


def _layered(state: Tensor, rnn: nn.GRU | nn.LSTM) -> Tensor:
    """[B, layers * H] to [layers, B, H], contiguous as the kernels want it."""
    return state.reshape(-1, rnn.num_layers, rnn.hidden_size).transpose(0, 1).contiguous()


def _dropped(inner_resets: Tensor) -> Tensor | None:
    """For the [T - 1, B] resets between T steps, where a step follows one, [T, B, 1]; None without resets."""
    if not bool(inner_resets.any()):
        return None
    return torch.cat((torch.zeros_like(inner_resets[:1]), inner_resets))[..., None]


def _dtype(rnn: nn.GRU | nn.LSTM) -> torch.dtype:
    weight = rnn.weight_ih_l0
    assert isinstance(weight, Tensor)
    return weight.dtype
