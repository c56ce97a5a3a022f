"""What it takes to look at an environment step by step, whatever its interface. Knows no interface."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from sample_factory.envs.observations import ObservationWriter
from sample_factory.envs.rules import BrokenRuleError, Finding
from sample_factory.rl.spaces import MASK_KEY, ActionLayout, KeySpec


class Seen(NamedTuple):
    """What came of one reset or step."""

    observations: list[dict[str, Any]]  # per row, by key; as declared, and as returned: not copied
    rewards: Sequence[Any]  # per row; empty after a reset
    ended: np.ndarray  # [rows] bool: an episode ended in this step
    resets: np.ndarray  # [rows] bool: the observation is the first of an episode
    findings: list[Finding]


class Probe(Protocol):
    """An environment that is looked at."""

    num_rows: int
    keys: dict[str, KeySpec]
    actions: ActionLayout

    def reset(self, seed: int | None) -> Seen:
        """Start an episode in every row."""
        ...

    def step(self, flat: np.ndarray) -> Seen:
        """Step with flat actions [num_rows, num_actions].

        Raises:
            BrokenRuleError: what was returned cannot be read.
            Exception: whatever the environment raises.
        """
        ...


def masks(seen: Seen) -> dict[str, np.ndarray]:
    """The action masks of all rows [rows, mask_size], by key; empty if there are none."""
    if MASK_KEY not in seen.observations[0]:
        return {}
    return {MASK_KEY: np.stack([np.asarray(values[MASK_KEY]).reshape(-1) for values in seen.observations])}


def read_values(writer: ObservationWriter, observation: Any) -> dict[str, Any]:
    """One observation, or a batch of them, by key.

    Raises:
        BrokenRuleError: parts are missing.
    """
    try:
        return writer.values(observation)
    except (KeyError, IndexError, TypeError) as error:
        raise BrokenRuleError(
            "wrong-structure", f"the observation lacks parts of its space ({type(error).__name__}: {error})"
        ) from error
