"""A counting environment and a counting policy, so that everything in a block can be predicted. Know no algorithm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.rl.spaces import action_layout, observation_keys
from sample_factory.sampling.blocks import BlockSchema
from sample_factory.sampling.ledger import ledger_specs
from sample_factory.sampling.policy import PolicyDescription, PolicyOutput
from sample_factory.sampling.requests import request_specs
from sample_factory.sampling.rollout_worker import RolloutSetup
from sample_factory.sampling.weights import Weights, weights_specs
from sample_factory.system.arena import Arena, ArraySpec
from sample_factory.system.board import board_specs

ROWS, STEPS, INTERVAL, STATE_SIZE = 3, 4, 2, 2


class CountingEnv:
    """Observes [row, number of the step]; row r ends its episode at every (r + 2)-th step, by a cut if r is odd."""

    num_rows = ROWS
    keys = observation_keys(gym.spaces.Box(-np.inf, np.inf, (2,), np.float32))
    actions = action_layout(gym.spaces.Discrete(1000))

    def __init__(self) -> None:
        self.count = 0
        self.seeds: list[int | None] = []
        self.received: list[np.ndarray] = []
        self.poison: Mapping[int, str] = {}
        self.is_closed = False
        self._ended = np.zeros(ROWS, np.bool_)
        self._ages = np.zeros(ROWS, np.int64)

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        self.seeds.append(seed)
        self._write(out)

    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        self.received.append(actions.copy())
        self.count += 1
        resets = self._ended
        self._ages = np.where(resets, 0, self._ages + 1)
        ends = ~resets & (self._ages == np.arange(ROWS) + 2)
        odd = np.arange(ROWS) % 2 == 1
        result.rewards[:] = np.where(resets, 0, self.count)
        result.terminated[:], result.truncated[:] = ends & ~odd, ends & odd
        result.valid[:], result.resets[:] = ~resets, resets
        result.frames[:] = np.where(resets, 0, 4)
        self._ended = ends
        self._write(out)
        if self.poison.get(self.count) == "observation":
            out["obs"][1, 0] = np.nan
        if self.poison.get(self.count) == "reward":
            result.rewards[2] = np.inf
        info = {"true_objective": 7.0, "episode_extra_stats": {"kills": np.int64(2), "map": "arena", "won": np.True_}}
        return [EpisodeInfo(row, info if row == 0 else {}, lost_reward=0.5) for row in np.flatnonzero(ends).tolist()]

    def close(self) -> None:
        self.is_closed = True

    def _write(self, out: Mapping[str, np.ndarray]) -> None:
        out["obs"][:, 0], out["obs"][:, 1] = np.arange(ROWS), self.count


class CountingPolicy:
    """Action: 10 * (number of the step) + row; its state counts the steps of the episode."""

    def __init__(self, seed: int) -> None:
        self.weights = np.zeros(1, np.float32)
        self.batches: list[int] = []

    def load(self, weights: np.ndarray) -> None:
        self.weights = weights.copy()

    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyOutput:
        self.batches.append(len(state))
        rows, count = np.nan_to_num(obs["obs"]).T
        actions = (10 * count + rows).astype(np.int32)[:, None]
        return PolicyOutput(actions, {"values": count + self.weights[0], "ages": state[:, 0].copy()}, state + 1)


DESCRIPTION = PolicyDescription(
    STATE_SIZE, 1, {"values": ArraySpec((), np.float32), "ages": ArraySpec((), np.float32)}, CountingPolicy
)


class Reports:
    """A sink that keeps what it is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def send(self, kind: str, **data: Any) -> None:
        self.sent.append((kind, data))


class Site:
    """An arena with everything that a sampler needs, and the environments that were made in it."""

    def __init__(self, num_workers: int = 1, groups: int = 1, blocks: int = 2, inline: bool = True) -> None:
        self.schema = schema = BlockSchema(
            num_workers=num_workers,
            groups_per_worker=groups,
            blocks_per_group=blocks,
            rows=ROWS,
            rollout=STEPS,
            state_interval=INTERVAL,
            state_size=STATE_SIZE,
            keys=CountingEnv.keys,
            actions=CountingEnv.actions,
            recorded=DESCRIPTION.recorded,
        )
        specs = dict(schema.specs) | ledger_specs(schema.num_blocks, 1) | request_specs(schema.num_groups, 1)
        self.arena = Arena.create(specs | weights_specs(1, 1) | board_specs(num_workers + 1))
        self.envs: dict[tuple[int, int], CountingEnv] = {}
        self.reports = Reports()
        self.setup = RolloutSetup(
            arena=self.arena,
            schema=schema,
            make_env=self.make_env,
            env_name="counting",
            consumers=(0,),
            inline=DESCRIPTION if inline else None,
            seed=3,
        )

    def make_env(self, worker: int, group: int) -> CountingEnv:
        self.envs[worker, group] = CountingEnv()
        return self.envs[worker, group]

    def publish(self, value: float, version: int) -> None:
        weights = Weights(self.arena, 0)
        weights.slot_to_write()[:] = value
        weights.publish(version)
