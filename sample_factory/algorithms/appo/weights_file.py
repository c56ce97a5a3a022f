"""The weights of one policy as a safetensors file. Knows no model: only names and tensors.

Needs the optional package safetensors. Such a file is numbers and text; reading one runs nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import safetensors
import safetensors.torch
import torch

_COUNTERS = ("policy", "train_step", "env_steps")


class Weights(NamedTuple):
    """What a file holds."""

    policy: int
    """Its number among the policies of the experiment."""
    train_step: int
    env_steps: int
    model: Mapping[str, torch.Tensor]


def save_weights(path: Path, weights: Weights) -> None:
    """Write a file; its folder must exist."""
    # A copy each: tensors may share memory, or have a layout in memory that the format does not know.
    tensors = {name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
               for name, tensor in weights.model.items()}  # fmt: skip
    metadata = {name: str(getattr(weights, name)) for name in _COUNTERS}
    path.write_bytes(safetensors.torch.save(tensors, metadata))


def load_weights(path: Path) -> Weights:
    """Read a file.

    Raises:
        ValueError: one line: there is none, it is damaged, or it holds no policy.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            model = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no dictionary)
    except (OSError, safetensors.SafetensorError) as error:
        raise ValueError(f"cannot read {path}: {error}") from None
    try:
        policy, train_step, env_steps = (int(metadata[name]) for name in _COUNTERS)
    except (KeyError, ValueError):
        raise ValueError(f"{path} does not say of which policy it is: it was not exported by this program") from None
    return Weights(policy, train_step, env_steps, model)
