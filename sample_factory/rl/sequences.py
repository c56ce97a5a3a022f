"""Recurrent networks over trajectories that contain episode boundaries. Knows no model, only nn.GRU and nn.LSTM.

A trajectory is cut into segments that end where an episode ends, and all segments of a batch run side by side as one
packed sequence: the recurrent kernel sees max(segment length) steps and no padding.
"""

from __future__ import annotations

from typing import NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

State = TypeVar("State", Tensor, tuple[Tensor, Tensor])


class Segments(NamedTuple):
    """Where the rows of a [T, B] batch go in a packed sequence."""

    sources: Tensor  # [T * B] time-major row for each packed position
    positions: Tensor  # [T * B] packed position for each time-major row
    batch_sizes: Tensor  # [longest segment] int64 on the CPU
    first_states: Tensor  # [segments] column of the initial state, or B for a zero state


def run_sequence(rnn: nn.GRU | nn.LSTM, inputs: Tensor, state: State, resets: Tensor) -> Tensor:
    """Outputs [T, B, H] of `rnn`, as a loop over steps would give that zeroes the state after each reset.

    Args:
        rnn: time-major, one direction.
        inputs: [T, B, F].
        state: at the first step, [layers, B, H]; a pair of those for an LSTM.
        resets: bool, at least [T - 1, B]; where resets[t], the state is zero at t + 1. Later rows are not looked at.
    """
    num_steps, num_rows = inputs.shape[:2]
    inner = resets[: num_steps - 1]
    assert inner.shape == (num_steps - 1, num_rows) and inner.dtype == torch.bool
    if not bool(inner.any()):
        outputs: Tensor = rnn(inputs, state)[0]
        return outputs
    segments = segment(inner)
    packed = PackedSequence(inputs.flatten(0, 1).index_select(0, segments.sources), segments.batch_sizes)
    if isinstance(state, tuple):
        hidden, cell = state
        result = rnn(packed, (_segment_states(hidden, segments), _segment_states(cell, segments)))[0]
    else:
        result = rnn(packed, _segment_states(state, segments))[0]
    unpacked: Tensor = result.data.index_select(0, segments.positions)
    return unpacked.view(num_steps, num_rows, -1)


def segment(inner_resets: Tensor) -> Segments:
    """Plan the packing of T steps, given the [T - 1, B] resets between them."""
    num_steps, num_rows = len(inner_resets) + 1, inner_resets.shape[1]
    # Row-major [B, T]: a segment is a run of consecutive entries, and every row starts one.
    starts = np.ones((num_rows, num_steps), dtype=bool)
    starts[:, 1:] = inner_resets.cpu().numpy().T
    first = np.flatnonzero(starts)
    lengths = np.diff(first, append=starts.size)
    order = np.argsort(-lengths, kind="stable")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))

    alive = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(lengths.max()), side="right")
    offsets = np.cumsum(alive) - alive
    member = np.cumsum(starts.reshape(-1)) - 1
    within = np.arange(starts.size) - first[member]
    positions = (offsets[within] + ranks[member]).reshape(num_rows, num_steps).T.reshape(-1)
    sources = np.empty_like(positions)
    sources[positions] = np.arange(len(positions))
    rows, at = np.divmod(first[order], num_steps)
    first_states = np.where(at == 0, rows, num_rows)

    device = inner_resets.device
    return Segments(
        torch.from_numpy(sources).to(device),
        torch.from_numpy(positions).to(device),
        torch.from_numpy(alive),
        torch.from_numpy(first_states).to(device),
    )


def _segment_states(state: Tensor, segments: Segments) -> Tensor:
    """[layers, segments, H]: the given state where a segment continues an episode, zero where it starts one."""
    zero = state.new_zeros(state.shape[0], 1, state.shape[2])
    return torch.cat((state, zero), dim=1).index_select(1, segments.first_states)
