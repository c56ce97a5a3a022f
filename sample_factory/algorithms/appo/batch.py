"""From blocks to a training batch: each row is copied once, straight to where the network reads it. Knows no loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sample_factory.algorithms.appo.uploads import Uploads
from sample_factory.sampling.blocks import Block, BlockSchema
from sample_factory.sampling.ledger import Ledger


@dataclass
class Batch:
    """B trajectories of T steps, time-major; B may be less than the memory holds."""

    obs: dict[str, Tensor]  # [T + 1, B, ...] as stored
    states: Tensor  # [T / interval + 1, B, state_size]
    actions: Tensor  # [T, B, num_actions]
    action_logits: Tensor  # [T, B, num_logits] of the policy that acted
    log_probs: Tensor  # [T, B]
    values: Tensor  # [T, B] as the acting policy saw them (normalised, if returns are)
    rewards: Tensor  # [T, B] the environment's own units
    terminated: Tensor  # [T, B] bool
    valid: Tensor  # [T, B] bool
    resets: Tensor  # [T, B] bool
    own: Tensor  # [T, B] bool: acted by this policy
    versions: Tensor  # [T, B] int32, of the policy that acted

    @property
    def num_rows(self) -> int:
        """Trajectories."""
        return self.actions.shape[1]


_PLAIN = ("states", "actions", "rewards", "terminated", "valid", "resets", "versions")
_RECORDED = ("action_logits", "log_probs", "values")
_NEVER = np.iinfo(np.int32).max


class Batcher:
    """Collects rows of READY blocks until an iteration is complete."""

    def __init__(
        self,
        ledger: Ledger,
        blocks: Mapping[int, Block],
        schema: BlockSchema,
        policy: int,
        num_rows: int,
        max_lag: int,
        device: torch.device,
        release_early: bool,
        on_release: Callable[[int], None],
        double: bool = False,
    ) -> None:
        """
        Args:
            num_rows: trajectories of an iteration.
            double: have memory for two batches, so that one can be filled while the other is used.
            release_early: give blocks back when copied; otherwise when every row that is there has been trained on:
                then all of them are sampled into at a time and nobody else wants the cores, which is taking turns.
            on_release: told the block that was given back.
        """
        self._ledger, self._blocks, self._policy = ledger, blocks, policy
        self._num_rows, self._max_lag = num_rows, max_lag
        self._first_version = 0  # nothing older is trained on
        self._release_early, self._on_release = release_early, on_release
        self._allocate: Callable[[], Batch] = lambda: _allocate(schema, self._num_rows, device)
        self._uploads = Uploads(device)
        self._batch = self._allocate()
        self._spare = self._allocate() if double else None
        self._filled = 0
        self._current: tuple[int, np.ndarray] | None = None  # block being copied and its rows still to copy
        self._oldest = np.empty(0, np.int32)  # version of this policy that acted in each of its rows
        self._loaded: dict[str, Tensor] = {}  # that block on the device, whole: pieces would be as many transfers
        self._copied: list[int] = []  # blocks of the batch that is being collected
        self._used: list[int] = []  # blocks of earlier batches
        self.frames = 0
        """Simulator frames collected for this policy since the caller last took them."""
        self.samples = 0
        """Steps collected, likewise."""
        self.discarded_rows = 0
        """Trajectories left out because they were too old."""

    # hot path
    def collect(self, version: int) -> Batch | None:
        """Copy what is there; the batch, once it is complete. It stays valid until `release`, or with double memory
        until the one after.

        Args:
            version: of the weights that are to be trained.
        """
        if self._current is not None:  # there may have been an update since its rows were chosen
            index, rows = self._current
            self._current = index, self._young(rows, version)
        while self._filled < self._batch.num_rows:
            if self._current is None and not self._take_block(version):
                return None
            self._copy()
        return self._batch

    def release(self) -> None:
        """Start the next batch: the last one is used up, or with double memory, may now be used."""
        self._filled = 0
        if self._spare is not None:
            self._batch, self._spare = self._spare, self._batch
        if self._batch.num_rows != self._num_rows:
            self._batch = self._allocate()
        self._used += self._copied
        self._copied.clear()
        if self._current is None and not self._ledger.ready(self._policy):
            self._give_back(self._used)

    def resize(self, num_rows: int) -> None:
        """Collect so many trajectories for an iteration, from the batch after the one that is being collected on."""
        self._num_rows = num_rows

    def discard(self) -> None:
        """Give everything back untrained, and whatever has come in since: others may wait for the blocks."""
        if self._current is not None:
            self._copied.append(self._current[0])
        for block in self._ledger.ready(self._policy):
            self._ledger.start_learning(block, self._policy)
            self._copied.append(block)
        self._give_back(self._copied)
        self._give_back(self._used)
        self._filled, self._current = 0, None

    def forget_before(self, version: int) -> None:
        """Train on nothing, collected or still to come, that was done with weights older than `version`."""
        self._first_version = version
        self._filled = 0

    def forget(self) -> None:
        """Drop everything collected so far, without giving anything back."""
        self._filled, self._current = 0, None
        self._copied.clear()
        self._used.clear()
        self.frames = self.samples = 0

    def _take_block(self, version: int) -> bool:
        ready = self._ledger.ready(self._policy)
        if not ready:
            self._give_back(self._used)
            # Rows that were left out are missing from the batch: without blocks nobody could bring others.
            if self._copied and self._ledger.is_exhausted():
                self._give_back(self._copied)
            return False
        index = ready[0]
        self._ledger.start_learning(index, self._policy)
        block = self._blocks[index]
        own = block.policy_ids == self._policy
        self.frames += int(block.frames[own].sum())
        self.samples += int(own.sum())
        useful = np.flatnonzero((own & block.valid).any(axis=0))
        self._loaded = {}
        self._oldest = block.versions.min(axis=0, where=own, initial=_NEVER)
        self._current = index, self._young(useful, version)
        return True

    def _young(self, rows: np.ndarray, version: int) -> np.ndarray:
        """Those of the current block's `rows` that are not too old to be trained on; counts the others."""
        first = max(self._first_version, version - self._max_lag + 1)
        old = self._oldest[rows] < first
        self.discarded_rows += int(old.sum())
        young: np.ndarray = rows[~old]
        return young

    def _copy(self) -> None:
        assert self._current is not None
        index, rows = self._current
        now, later = np.split(rows, [self._batch.num_rows - self._filled])
        if len(now):
            self._copy_rows(self._blocks[index], now)
        if len(later):
            self._current = (index, later)
            return
        self._current = None
        self._copied.append(index)
        if self._release_early:
            self._give_back(self._copied)

    def _copy_rows(self, block: Block, rows: np.ndarray) -> None:
        batch = self._batch
        target = slice(self._filled, self._filled + len(rows))
        is_contiguous = rows[-1] - rows[0] + 1 == len(rows)
        with self._uploads.begin() as load:
            if not self._loaded:
                self._loaded = {name: load(array) for name, array in _arrays(block).items()}
            loaded, source = self._loaded, slice(int(rows[0]), int(rows[-1]) + 1) if is_contiguous else load(rows)
            for name, tensor in batch.obs.items():
                tensor[:, target].copy_(loaded[f"obs/{name}"][:, source])
            for name in (*_PLAIN, *_RECORDED):
                getattr(batch, name)[:, target].copy_(loaded[name][:, source])
            batch.own[:, target].copy_(loaded["policy_ids"][:, source] == self._policy)
        self._filled += len(rows)

    def _give_back(self, blocks: list[int]) -> None:
        for block in blocks:
            self._ledger.release(block, self._policy)
            self._on_release(block)
        blocks.clear()


def _arrays(block: Block) -> dict[str, np.ndarray]:
    """What a batch is made of, named as in the arena."""
    arrays = {f"obs/{name}": array for name, array in block.obs.items()}
    arrays |= {name: getattr(block, name) for name in (*_PLAIN, "policy_ids")}
    return arrays | {name: block.recorded[name] for name in _RECORDED}


def _allocate(schema: BlockSchema, rows: int, device: torch.device) -> Batch:
    def like(name: str, steps: int) -> Tensor:
        spec = schema.specs[name]
        dtype = torch.from_numpy(np.empty(0, spec.dtype)).dtype
        return torch.empty((steps, rows, *spec.shape[3:]), dtype=dtype, device=device)

    steps = schema.rollout
    return Batch(
        obs={name: like(f"obs/{name}", steps + 1) for name in schema.keys},
        states=like("states", schema.specs["states"].shape[1]),
        **{name: like(name, steps) for name in (*_PLAIN[1:], *_RECORDED)},
        own=torch.empty((steps, rows), dtype=torch.bool, device=device),
    )


def clear_ignored(batch: Batch, neutral_action: Tensor) -> None:
    """Forget what was done on steps that are not learnt from, so that not even a NaN there can reach a gradient.

    Parameters become zero, and actions `neutral_action` [num_actions], which is possible with such parameters. Not the
    values of this policy's own steps: that of a step which only resets is what a cut episode bootstraps from.
    """
    ignored = ~batch.valid
    batch.actions.copy_(torch.where(ignored[..., None], neutral_action, batch.actions))
    batch.action_logits.masked_fill_(ignored[..., None], 0)
    batch.log_probs.masked_fill_(ignored, 0)
    if not bool(batch.own.all()):
        _clear_foreign(batch)


def _clear_foreign(batch: Batch) -> None:
    """Zero what other policies' episodes left in shared rows: there not even observations are of any use."""
    foreign = ~batch.own
    for tensor in (batch.rewards, batch.values):
        tensor[foreign] = 0
    after = foreign[-1] | batch.resets[-1]  # the bootstrap row may be the first one of another policy's episode
    for tensor in batch.obs.values():
        if tensor.dtype != torch.uint8:  # bytes are finite, and images large
            tensor[:-1][foreign] = 0
            tensor[-1][after] = 0
    interval = len(foreign) // (len(batch.states) - 1)
    batch.states[:-1][foreign[::interval]] = 0
    batch.states[-1][after] = 0
