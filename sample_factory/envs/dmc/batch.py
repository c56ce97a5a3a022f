"""One task of EnvPool's copy of dm_control's suite, stepped as a batch. Knows no family.

Observations are what `DmcEnv` makes of the same task. EnvPool's `frame_skip` is the number of physics steps in a
control step, with one reward and without a word about the limit of time, and is left alone; an action is held by
stepping several times.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sample_factory.envs.dmc.tasks import MAX_STEPS, Task
from sample_factory.envs.envpool_vector import EnvPoolVector


class DmcBatch(gym.vector.VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` environments of a task with next-step autoreset; actions are held for `repeat` control steps.

    Raises:
        ValueError: this EnvPool does not have the task.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, task: Task, num_envs: int, repeat: int = 1) -> None:
        self.num_envs = num_envs
        self.frames_per_step = repeat
        self._pool = EnvPoolVector(task.envpool_id, num_envs, {"max_episode_steps": MAX_STEPS})
        parts = self._pool.single_observation_space
        assert isinstance(parts, gym.spaces.Dict)
        self._names = sorted(set(parts) - set(task.not_observed))
        size = sum(gym.spaces.flatdim(parts[name]) for name in self._names)
        # The bounds that EnvPool declares for the parts are wrong: the lowest is the smallest positive number.
        self.single_observation_space = gym.spaces.Box(-np.inf, np.inf, (size,), np.float32)
        self.single_action_space = self._pool.single_action_space
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = self._pool.action_space
        self._ended = np.zeros(num_envs, np.bool_)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode everywhere; environment i gets seed + i."""
        self._ended = np.zeros(self.num_envs, np.bool_)
        return self._flat(self._pool.reset(seed=seed)[0]), {}

    # hot path
    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Hold an action in every environment; those whose episode has ended are reset instead."""
        parts, rewards, terminated, truncated, _ = self._pool.step(actions)
        observations = self._flat(parts)
        rewards = np.where(self._ended, 0, rewards)  # EnvPool rewards the state after a reset
        ended = terminated | truncated
        if self.frames_per_step == 1:
            self._ended = ended
            return observations, rewards, terminated, truncated, {}
        frames = np.ones(self.num_envs, np.int32)
        running = ~(ended | self._ended)  # a row that was reset waits for an action of its own
        for _ in range(self.frames_per_step - 1):
            rows = running.nonzero()[0].astype(np.int32)
            if not len(rows):
                break
            parts, more_rewards, terminated[rows], truncated[rows], _ = self._pool.step(actions[rows], rows)
            observations[rows] = self._flat(parts)
            rewards[rows] += more_rewards
            frames[rows] += 1
            running[rows] = ~(terminated[rows] | truncated[rows])
        self._ended = terminated | truncated
        return observations, rewards, terminated, truncated, {"num_frames": frames}

    def close(self, **kwargs: Any) -> None:
        """End the batch's thread."""
        self._pool.close()

    def _flat(self, parts: dict[str, np.ndarray]) -> np.ndarray:
        columns = [parts[name] for name in self._names]
        return np.concatenate([column.reshape(len(column), -1) for column in columns], axis=1, dtype=np.float32)
