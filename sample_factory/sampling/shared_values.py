"""Numbers of each policy in shared memory, which may change in a run: reward shaping, hyper-parameters. Written by the
main process and read where they are used, between two steps. Knows no algorithm.

One row of numbers and one version per policy. The version is odd while its numbers are being written, so a reader that
finds the same even version before and after has read what belongs together; one that does not looks again later.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sample_factory.envs.reward_shaping import Path, RewardShaping, flatten, unflatten
from sample_factory.system.arena import Arena, ArraySpec


def shared_values_specs(name: str, num_policies: int, num_values: int) -> dict[str, ArraySpec]:
    """Arrays in the arena for the values called `name`."""
    return {
        f"{name}/values": ArraySpec((num_policies, num_values), np.float64),
        f"{name}/versions": ArraySpec((num_policies,), np.int64),
    }


class SharedValues:
    """The values in use, a nested dictionary for each policy; `paths` is the order of the numbers."""

    def __init__(self, arena: Arena, name: str, paths: Sequence[Path]) -> None:
        self._paths = tuple(paths)
        self._values = arena[f"{name}/values"]
        self._versions = arena[f"{name}/versions"]

    def version(self, policy: int) -> int:
        """Changes when the values do; 0 while everybody has what the run began with."""
        return int(self._versions[policy])

    def write(self, policy: int, values: RewardShaping) -> None:
        """Let everybody use other values for a policy, from their next rollout or update on; for the main process only.

        Raises:
            KeyError: a value is missing.
        """
        flat = flatten(values)
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
