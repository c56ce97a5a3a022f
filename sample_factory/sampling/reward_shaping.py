"""Reward shaping of each policy in shared memory: written by the main process, read between steps. Knows no algorithm.

One row of numbers and one version per policy. The version is odd while its numbers are being written, so a reader that
finds the same even version before and after has read what belongs together; one that does not looks again later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sample_factory.envs.reward_shaping import Path, RewardShaping, flatten, unflatten
from sample_factory.system.arena import Arena, ArraySpec


def reward_shaping_specs(num_policies: int, num_values: int) -> dict[str, ArraySpec]:
    """Arrays in the arena."""
    return {
        "reward_shaping/values": ArraySpec((num_policies, num_values), np.float64),
        "reward_shaping/versions": ArraySpec((num_policies,), np.int64),
    }


class SharedRewardShaping:
    """The values in use; `paths` is the order of the numbers."""

    def __init__(self, arena: Arena, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._values = arena["reward_shaping/values"]
        self._versions = arena["reward_shaping/versions"]

    def version(self, policy: int) -> int:
        """Changes when the values do; 0 while environments have what they were made with."""
        return int(self._versions[policy])

    def write(self, policy: int, reward_shaping: RewardShaping) -> None:
        """Let all environments use other values for a policy, from their next rollout on; for the main process only.

        Raises:
            KeyError: a value is missing.
        """
        flat = flatten(reward_shaping)
        numbers = [flat[path] for path in self._paths]
        self._versions[policy] += 1
        self._values[policy] = numbers
        self._versions[policy] += 1

    def read(self, policy: int) -> tuple[int, RewardShaping] | None:
        """Version and values; None while they are being written."""
        before = self.version(policy)
        numbers = self._values[policy].tolist()
        if before % 2 or self.version(policy) != before:
            return None
        return before, unflatten(dict(zip(self._paths, numbers, strict=True)))
