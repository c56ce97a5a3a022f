"""The seam between the sampler and an algorithm: what the sampler must know about a policy.

Knows no model, no loss, no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from sample_factory.system.arena import ArraySpec


class PolicyOutput(NamedTuple):
    """One step of n rows; arrays of the caller's choice of memory, read before the next call."""

    actions: np.ndarray  # [n, num_actions]
    recorded: Mapping[str, np.ndarray]  # [n, ...] per name of `PolicyDescription.recorded`
    state: np.ndarray  # [n, state_size] recurrent state after the step


class Policy(Protocol):
    """What an algorithm gives to the processes that act."""

    def load(self, weights: np.ndarray) -> None:
        """Take new weights, a copy of the flat float32 vector that the learner published.

        The vector may be overwritten in the middle of it; then it is called again.
        """
        ...

    # hot path
    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyOutput:
        """Act for n rows: obs[key] [n, ...], state [n, state_size]."""
        ...


class PolicyDescription(NamedTuple):
    """What must be known of a policy before any process starts."""

    state_size: int
    num_weights: int
    recorded: Mapping[str, ArraySpec]
    make: Callable[[int], Policy]
    """Picklable; called with a seed in the process that acts."""
