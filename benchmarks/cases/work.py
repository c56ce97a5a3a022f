"""The work of a case in its parts, of which its limit is made. Knows no training system, and runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Backend:
    """One way to make the environments of a case."""

    env: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the environment's family, `env_backend` among them."""


@dataclass(frozen=True)
class Network:
    """Layers between the observation and the heads; what goes in and out depends on the environment."""

    layers: tuple[int, ...]
    """Widths of fully connected layers."""
    convolutions: tuple[tuple[int, int, int], ...] = ()
    """Channels, kernel and stride of each, before the layers."""
    gru: int = 0
    """Width of a GRU after the layers, 0 for none."""
    activation: Literal["elu", "tanh"] = "elu"


@dataclass(frozen=True)
class Work:
    """What has to be done for one sample, whoever does it."""

    backends: tuple[Backend, ...]
    """The fastest one counts."""
    num_envs: tuple[int, ...]
    """Environments stepped in turn by one core: the best number counts."""
    network: Network
    rollout: int
    batch_size: int
    """Samples of one step of the optimizer, one epoch."""
    inference_rows: tuple[int, ...] = (16, 64, 256)
    """Rows of one forward pass: the best number counts."""
    training_slices: tuple[int, ...] = (1, 2, 4)
    """Parts in which a batch may go through the network: the best number counts."""
