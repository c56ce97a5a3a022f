"""Weights by version: one learner writes, any number of processes read, nobody waits for anybody. Knows no model."""

from __future__ import annotations

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec

_WRITING, _PUBLISHED = 0, 1
_MAX_TRIES = 1000


def weights_specs(num_policies: int, size: int) -> dict[str, ArraySpec]:
    """Arrays that the weights of every policy need in the arena: two slots and a pair of counters each."""
    return {
        "weights": ArraySpec((num_policies, 2, size), np.float32),
        "weights/versions": ArraySpec((num_policies, 8), np.int64),
    }


class Weights:
    """The published weights of one policy; version 0 means that nothing has been published."""

    def __init__(self, arena: Arena, policy: int) -> None:
        self._slots = arena["weights"][policy]
        self._versions = arena["weights/versions"][policy]

    @property
    def version(self) -> int:
        """Newest complete version."""
        return int(self._versions[_PUBLISHED])

    def slot_to_write(self) -> np.ndarray:
        """Where the next version is to be written; `publish` makes it the newest."""
        self._versions[_WRITING] = self._versions[_PUBLISHED] + 1
        return self._slots[self._versions[_WRITING] % 2]

    def publish(self) -> int:
        """The slot is complete; returns its version."""
        self._versions[_PUBLISHED] = self._versions[_WRITING]
        return self.version

    def restart_at(self, version: int) -> None:
        """Set the version counter before the first publication (a resumed run goes on counting)."""
        self._versions[:2] = version

    def read_into(self, out: np.ndarray) -> int:
        """Copy the newest version into `out` [size] float32 and return its number; never torn."""
        for _ in range(_MAX_TRIES):
            version = self.version
            out[:] = self._slots[version % 2]
            # The writer uses the other slot for version + 1; only at version + 2 does it come back to this one.
            if self._versions[_WRITING] <= version + 1:
                return version
        raise RuntimeError("weights were rewritten faster than they can be copied")
