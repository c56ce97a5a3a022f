"""Weights by version: one learner writes, any number of processes read, nobody waits for anybody. Knows no model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec

_WRITING, _PUBLISHED, _VERSIONS = 0, 1, 2  # cells 2 and 3: the version in slot 0 and in slot 1
_MAX_TRIES = 1000


def weights_specs(num_policies: int, size: int) -> dict[str, ArraySpec]:
    """Arrays that the weights of every policy need in the arena: two slots and a few counters each."""
    return {
        "weights": ArraySpec((num_policies, 2, size), np.float32),
        "weights/counters": ArraySpec((num_policies, 8), np.int64),
    }


class Weights:
    """The published weights of one policy.

    A *publication* is counted from 1 up and tells the slot; the *version* is the learner's number of updates.
    """

    def __init__(self, arena: Arena, policy: int) -> None:
        self._slots = arena["weights"][policy]
        self._counters = arena["weights/counters"][policy]

    @property
    def publication(self) -> int:
        """How often weights were published; 0 before the first time."""
        return int(self._counters[_PUBLISHED])

    def slot_to_write(self) -> np.ndarray:
        """Where the next weights are to be written; `publish` makes them the newest."""
        self._counters[_WRITING] = self._counters[_PUBLISHED] + 1
        slot: np.ndarray = self._slots[self._counters[_WRITING] % 2]
        return slot

    def publish(self, version: int) -> None:
        """The slot is complete."""
        publication = self._counters[_WRITING]
        self._counters[_VERSIONS + publication % 2] = version
        self._counters[_PUBLISHED] = publication

    # hot path
    def read(self, load: Callable[[np.ndarray], object]) -> tuple[int, int]:
        """Give the newest weights [size] float32 to `load`; returns publication and version.

        `load` takes what it needs from the memory that is shared, and is called again if that was overwritten
        meanwhile: what it took last is whole.
        """
        for _ in range(_MAX_TRIES):
            publication = self.publication
            version = int(self._counters[_VERSIONS + publication % 2])
            load(self._slots[publication % 2])
            # The writer uses the other slot for the next publication; only at the one after it comes back to this slot.
            if self._counters[_WRITING] <= publication + 1:
                return publication, version
        raise RuntimeError("weights were rewritten faster than they can be read")
