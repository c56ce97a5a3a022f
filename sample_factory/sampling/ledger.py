"""Which state each block is in, and with whom. Knows nothing of what is in a block.

    FREE --(its group's worker)--> FILLING --(worker)--> READY --(learner)--> LEARNING --(learner)--> FREE

The ledger is the truth; doorbells only say "look again". Every cell has exactly one writer at any time, so there is
no lock: the worker that owns the block writes `filling` and turns `readers` on; each learner turns only its own
`readers` cell further. A dead process can be cleaned up after by looking at its cells.

Blocks are the only credit: a worker whose blocks are all waiting for the learner stops sampling. That is the back-
pressure and what bounds staleness.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import IntEnum

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec

_READY, _LEARNING = 1, 2


class BlockState(IntEnum):
    """The four states; each block is in exactly one."""

    FREE = 0
    FILLING = 1
    READY = 2
    LEARNING = 3


def ledger_specs(num_blocks: int, num_policies: int) -> dict[str, ArraySpec]:
    """Arrays that a ledger needs in the arena."""
    return {
        "ledger/filling": ArraySpec((num_blocks,), np.bool_),
        "ledger/readers": ArraySpec((num_blocks, num_policies), np.uint8),
        "ledger/ready_at": ArraySpec((num_blocks,), np.float64),
    }


class Ledger:
    """The state of every block."""

    def __init__(self, arena: Arena) -> None:
        self._filling = arena["ledger/filling"]
        self._readers = arena["ledger/readers"]
        self._ready_at = arena["ledger/ready_at"]

    # hot path
    def is_free(self, block: int) -> bool:
        """Whether its group may fill the block."""
        return not self._filling[block] and not self._readers[block].any()

    def take(self, block: int) -> None:
        """FREE -> FILLING, by the owner."""
        assert self.is_free(block), f"block {block} is not free"
        self._filling[block] = True

    def hand_over(self, block: int, policies: Sequence[int]) -> None:
        """FILLING -> READY for the learners of `policies` (nobody: FREE), by the owner."""
        assert self._filling[block], f"block {block} is not being filled"
        self._ready_at[block] = time.monotonic()
        for policy in policies:
            self._readers[block, policy] = _READY
        self._filling[block] = False

    def ready(self, policy: int) -> list[int]:
        """Blocks that wait for the learner of `policy`, oldest first."""
        # `filling` is cleared after the readers are set, so a block seen here with it set is still being handed over.
        waiting = np.flatnonzero((self._readers[:, policy] == _READY) & ~self._filling)
        return [int(block) for block in waiting[np.argsort(self._ready_at[waiting], kind="stable")]]

    def is_exhausted(self) -> bool:
        """Whether every block is with some learner or waits for one, so that nothing can be sampled."""
        return bool((self._readers.any(axis=1) & ~self._filling).all())

    def start_learning(self, block: int, policy: int) -> None:
        """READY -> LEARNING, by the learner."""
        assert self._readers[block, policy] == _READY, f"block {block} is not ready for policy {policy}"
        self._readers[block, policy] = _LEARNING

    def release(self, block: int, policy: int) -> None:
        """LEARNING -> FREE as far as this learner is concerned."""
        assert self._readers[block, policy] == _LEARNING, f"block {block} is not with policy {policy}"
        self._readers[block, policy] = 0

    def reclaim_filling(self, blocks: range) -> None:
        """After the death of the worker that owns `blocks`: what it was filling is free again."""
        self._filling[blocks.start : blocks.stop] = False

    def reclaim_learning(self, policy: int) -> None:
        """After the death of a learner: what it had taken waits for its successor."""
        cells = self._readers[:, policy]
        cells[cells == _LEARNING] = _READY

    def states(self) -> np.ndarray:
        """The state of every block, [num_blocks] of BlockState."""
        states = np.full(len(self._filling), BlockState.FREE)
        states[(self._readers == _READY).any(axis=1)] = BlockState.READY
        states[(self._readers == _LEARNING).any(axis=1)] = BlockState.LEARNING
        states[self._filling] = BlockState.FILLING
        return states

    def check(self, blocks_per_group: int) -> None:
        """The conservation law: a group fills at most one block, and nobody reads a block that is being filled.

        Only exact while nothing moves; a block being handed over is briefly both.
        """
        per_group = self._filling.reshape(-1, blocks_per_group).sum(axis=1)
        assert (per_group <= 1).all(), f"groups {np.flatnonzero(per_group > 1).tolist()} fill several blocks"
        both = np.flatnonzero(self._filling & self._readers.any(axis=1))
        assert not len(both), f"blocks {both.tolist()} are filled and read at once"
