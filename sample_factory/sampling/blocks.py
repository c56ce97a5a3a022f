"""Trajectory blocks: where one group's rollout lies in shared memory. Knows no algorithm and no process.

A block is the rollout of one *group* (the rows that a worker steps together): time-major `[T + 1, rows, ...]` for
observations and `[T, rows, ...]` for everything that belongs to a step, so that the rows of one step are contiguous:
environments write into them, inference reads them, without a copy. Row T of a block is row 0 of the group's next
block, copied over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from sample_factory.envs.contract import StepArrays
from sample_factory.rl.spaces import ActionLayout, KeySpec
from sample_factory.system.arena import Arena, ArraySpec

UNVERSIONED = -1


@dataclass(frozen=True)
class BlockSchema:
    """Shape of every block of a run."""

    num_workers: int
    groups_per_worker: int
    blocks_per_group: int
    rows: int
    """Rows of a group."""
    rollout: int
    """Steps in a block (T)."""
    state_interval: int
    """Recurrent state is kept at every so many steps: where backpropagation through time starts."""
    state_size: int
    """Numbers of recurrent state per row; 0 without memory."""
    keys: Mapping[str, KeySpec]
    actions: ActionLayout
    recorded: Mapping[str, ArraySpec]
    """What the policy records per step besides the action: name -> shape per row and dtype."""
    num_policies: int = 1
    """Policies that learn."""
    past_versions: int = 0
    """Past versions of each policy that play as well, and do not learn."""

    @property
    def num_players(self) -> int:
        """Policies, and behind them their past versions: those of policy 0, then those of policy 1, ..."""
        return self.num_policies * (1 + self.past_versions)

    def past_players(self, policy: int) -> range:
        """The numbers of a policy's past versions."""
        first = self.num_policies + policy * self.past_versions
        return range(first, first + self.past_versions)

    @property
    def num_groups(self) -> int:
        """Groups of the whole run; group g belongs to worker g // groups_per_worker."""
        return self.num_workers * self.groups_per_worker

    @property
    def num_blocks(self) -> int:
        """Blocks of the whole run; block b belongs to group b // blocks_per_group."""
        return self.num_groups * self.blocks_per_group

    @property
    def total_rows(self) -> int:
        """Rows stepped by the whole run."""
        return self.num_groups * self.rows

    def blocks_of_group(self, group: int) -> range:
        """A group's own blocks; it fills them in turn."""
        return range(group * self.blocks_per_group, (group + 1) * self.blocks_per_group)

    @cached_property
    def specs(self) -> dict[str, ArraySpec]:
        """Arrays in the arena."""
        blocks, steps, rows = self.num_blocks, self.rollout, self.rows

        def per_step(shape: tuple[int, ...], dtype: object) -> ArraySpec:
            return ArraySpec((blocks, steps, rows, *shape), dtype)

        specs = {
            f"obs/{name}": ArraySpec((blocks, steps + 1, rows, *key.shape), key.dtype)
            for name, key in self.keys.items()
        }
        specs["states"] = ArraySpec((blocks, steps // self.state_interval + 1, rows, self.state_size), np.float32)
        specs["actions"] = per_step((self.actions.num_actions,), self.actions.dtype)
        for name, spec in self.recorded.items():
            specs[name] = per_step(spec.shape, spec.dtype)
        specs["rewards"] = per_step((), np.float32)
        for name in ("terminated", "truncated", "valid", "resets"):
            specs[name] = per_step((), np.bool_)
        specs["frames"] = per_step((), np.int32)
        specs["policy_ids"] = per_step((), np.int16)
        specs["versions"] = per_step((), np.int32)
        specs["row_players"] = ArraySpec((self.num_groups, rows), np.int16)
        specs["policy_samples"] = ArraySpec((self.num_workers, self.num_players), np.int64)
        specs["matchmaking"] = ArraySpec((self.num_policies, self.num_players), np.float64)
        specs["running_states"] = ArraySpec((self.num_groups, rows, self.state_size), np.float32)
        return specs


class StepViews(NamedTuple):
    """What an environment is given at one step of a block."""

    actions: np.ndarray  # [rows, num_actions]
    next_obs: Mapping[str, np.ndarray]  # [rows, ...]
    outcome: StepArrays


@dataclass(frozen=True)
class Block:
    """Views of one block; the arrays are shared memory."""

    index: int
    obs: Mapping[str, np.ndarray]  # [T + 1, rows, ...]
    states: np.ndarray  # [T / state_interval + 1, rows, state_size] recurrent state before steps 0, interval, ..., T
    actions: np.ndarray  # [T, rows, num_actions]
    recorded: Mapping[str, np.ndarray]  # [T, rows, ...]
    rewards: np.ndarray  # [T, rows] float32, the environment's own units
    terminated: np.ndarray  # [T, rows] bool
    truncated: np.ndarray  # [T, rows] bool
    valid: np.ndarray  # [T, rows] bool
    resets: np.ndarray  # [T, rows] bool
    frames: np.ndarray  # [T, rows] int32
    policy_ids: np.ndarray  # [T, rows] int16, which player acted
    versions: np.ndarray  # [T, rows] int32, version of its weights

    @cached_property
    def steps(self) -> list[StepViews]:
        """Views of every step, made once: to make them anew at each step takes longer than many an environment."""
        return [
            StepViews(
                actions=self.actions[step],
                next_obs={name: array[step + 1] for name, array in self.obs.items()},
                outcome=StepArrays(
                    self.rewards[step],
                    self.terminated[step],
                    self.truncated[step],
                    self.valid[step],
                    self.resets[step],
                    self.frames[step],
                ),
            )
            for step in range(len(self.actions))
        ]


def block_view(arena: Arena, schema: BlockSchema, index: int) -> Block:
    """Views of block `index`."""
    return Block(
        index=index,
        obs={name: arena[f"obs/{name}"][index] for name in schema.keys},
        recorded={name: arena[name][index] for name in schema.recorded},
        **{
            name: arena[name][index]
            for name in (
                "states",
                "actions",
                "rewards",
                "terminated",
                "truncated",
                "valid",
                "resets",
                "frames",
                "policy_ids",
                "versions",
            )
        },
    )
