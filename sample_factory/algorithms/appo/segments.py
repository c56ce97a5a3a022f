"""Pieces of a batch: cut into chunks of steps, split or selected by columns. Knows no model and no loss."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

from torch import Tensor


class Segments(NamedTuple):
    """A minibatch before advantages: [t, b] of any rows or chunks, observations [t or t + 1, b]."""

    obs: dict[str, Tensor]
    state: Tensor  # [b, state_size] before the first step
    resets: Tensor
    actions: Tensor
    logits: Tensor
    log_probs: Tensor
    values: Tensor
    rewards: Tensor
    terminated: Tensor
    valid: Tensor
    advantages: Tensor | None
    targets: Tensor | None


def in_chunks(part: Segments, states: Tensor, steps: int) -> Segments:
    """Cut [T, B] into [steps, T / steps * B]; the bootstrap observation is not needed any more."""
    total = len(part.actions)

    def cut(tensor: Tensor) -> Tensor:
        chunks = tensor[:total].view(total // steps, steps, *tensor.shape[1:]).transpose(0, 1)
        return chunks.flatten(1, 2)

    changed = {
        name: cut(value) for name, value in part._asdict().items() if isinstance(value, Tensor) and name != "state"
    }
    obs = {name: cut(tensor) for name, tensor in part.obs.items()}
    return part._replace(obs=obs, state=states[: total // steps].flatten(0, 1), **changed)


def split_columns(part: Segments, count: int) -> list[Segments]:
    """Views of `count` nearly equal slices of the columns."""
    columns = part.actions.shape[1]
    bounds = [columns * i // count for i in range(count + 1)]
    return [_slice(part, slice(low, high)) for low, high in pairwise(bounds) if high > low]


def _slice(part: Segments, columns: slice) -> Segments:
    """A slice as far as the model looks at it."""
    obs = {name: tensor[:, columns] for name, tensor in part.obs.items()}
    return part._replace(obs=obs, state=part.state[columns], resets=part.resets[:, columns])


def select_columns(part: Segments, columns: Tensor) -> Segments:
    """A copy of some columns, in the order of `columns`."""
    changed = {
        name: value.index_select(1, columns)
        for name, value in part._asdict().items()
        if isinstance(value, Tensor) and name != "state"
    }
    obs = {name: tensor.index_select(1, columns) for name, tensor in part.obs.items()}
    return part._replace(obs=obs, state=part.state.index_select(0, columns), **changed)
