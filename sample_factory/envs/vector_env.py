"""Gymnasium's own vector environments as batched environments. Knows no family and cannot rebuild what fails inside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import concatenate, create_empty_array

from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.envs.observations import ObservationWriter
from sample_factory.envs.reward_shaping import RewardShaping, set_reward_shaping
from sample_factory.envs.seeding import env_seed
from sample_factory.rl.spaces import action_layout


class VectorEnvAdapter:
    """Writes a vector environment's arrays into rows.

    With same-step autoreset the final observation of an episode is replaced by the next one's first; as the contract
    asks, a truncated last step is then invalid.

    Raises:
        ValueError: the environment does not reset by itself.
    """

    def __init__(self, name: str, env: gym.vector.VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP)
        if mode not in (AutoresetMode.NEXT_STEP, AutoresetMode.SAME_STEP):
            raise ValueError(
                f"vector environment {name!r} has autoreset mode {mode}; make it with AutoresetMode.NEXT_STEP"
            )
        self.num_rows = env.num_envs
        self.env = env
        self._same_step = mode == AutoresetMode.SAME_STEP
        self._frames_per_step = int(getattr(env, "frames_per_step", 1))
        self._writer = ObservationWriter(env.single_observation_space)
        self.keys = self._writer.keys
        self.actions = action_layout(env.single_action_space)
        self._ended = np.zeros(env.num_envs, np.bool_)
        self._is_closed = False

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode in every row."""
        observations, _ = self.env.reset(seed=env_seed(seed, 0))
        self._ended[:] = False
        self._writer.write_batch(observations, out)

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every row once."""
        observations, rewards, terminated, truncated, infos = self.env.step(self.decode(actions))
        self._writer.write_batch(observations, out)
        if self._same_step:
            result.resets[:] = terminated | truncated
            result.valid[:] = ~truncated | terminated
            result.frames[:] = self._frames(infos)
        else:
            result.resets[:] = self._ended
            result.valid[:] = ~self._ended
            result.frames[:] = self._frames(infos) * result.valid
        result.terminated[:], result.truncated[:] = terminated, truncated
        result.rewards[:] = np.where(result.valid, rewards, 0)
        np.logical_or(result.terminated, result.truncated, out=self._ended)
        lost = np.where(result.valid, 0, rewards)
        last_infos = infos.get("final_info", {}) if self._same_step else infos
        return [
            EpisodeInfo(row, _row_info(last_infos, row), float(lost[row]))
            for row in np.flatnonzero(self._ended).tolist()
        ]

    def set_reward_shaping(self, reward_shaping: RewardShaping, row: int) -> None:
        """Let a row use other values from now on."""
        set_reward_shaping(self.env, reward_shaping, row)

    def close(self) -> None:
        """Close the vector environment."""
        if not self._is_closed:
            self._is_closed = True
            self.env.close()

    def decode(self, flat: np.ndarray) -> Any:
        """The batch of actions that the vector environment takes, of flat actions [num_rows, num_actions]."""
        single, batched = self.env.single_action_space, self.env.action_space
        if isinstance(single, gym.spaces.Discrete):
            return flat[:, 0].astype(np.int64) + single.start
        if isinstance(single, gym.spaces.Box):
            return np.clip(flat.reshape(batched.shape).astype(single.dtype), single.low, single.high)
        members = [self.actions.decode(row) for row in flat]
        into: Any = create_empty_array(single, len(members))
        return concatenate(single, members, into)

    def _frames(self, infos: Mapping[str, Any]) -> Any:
        if "num_frames" not in infos:
            return self._frames_per_step
        given = infos.get("_num_frames", np.ones(self.num_rows, np.bool_))
        return np.where(given, infos["num_frames"], self._frames_per_step)


def _row_info(infos: Mapping[str, Any], row: int) -> dict[str, Any]:
    """Gymnasium batches infos as {key: array, "_key": which rows have it}; nested dicts likewise."""
    info: dict[str, Any] = {}
    for key, values in infos.items():
        if key.startswith("_") or not infos.get(f"_{key}", np.ones(row + 1, np.bool_))[row]:
            continue
        info[key] = _row_info(values, row) if isinstance(values, dict) else values[row]
    return info
