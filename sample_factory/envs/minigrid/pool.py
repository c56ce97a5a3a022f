"""EnvPool's MiniGrid in batches, with missions as numbers of words. Knows no level and no rule of the game."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from sample_factory.envs.envpool_vector import EnvPoolVector
from sample_factory.envs.minigrid.missions import observation_space, vocabulary


class MiniGridPool(gym.vector.VectorEnv[Any, Any, Any]):
    """`num_envs` environments of EnvPool with our observations.

    EnvPool gives a mission as the bytes of its text. It changes only where an episode starts, and is read only there.
    """

    metadata = {"autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, gym_id: str, num_envs: int) -> None:
        self.num_envs = num_envs
        self._pool = EnvPoolVector(gym_id, num_envs)
        self._texts = vocabulary(gym_id)
        single: Any = self._pool.single_observation_space
        self.single_observation_space = observation_space(single["image"], self._texts)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.single_action_space, self.action_space = self._pool.single_action_space, self._pool.action_space
        self._missions = np.zeros((num_envs, *self._texts.space.shape), np.int32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Make the batch anew, with this seed, and start an episode in every environment."""
        observations, _ = self._pool.reset(seed=seed)
        return self._described(observations, range(self.num_envs)), {}

    # hot path
    def step(self, actions: Any) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Step every environment; those whose episode has ended are reset instead."""
        observations, rewards, terminated, truncated, infos = self._pool.step(actions)
        starting = np.flatnonzero(infos["elapsed_step"] == 0).tolist()
        # EnvPool calls a success in the last step that an episode may have a truncation and nothing else.
        terminated = terminated | (truncated & (rewards != 0))
        return self._described(observations, starting), rewards, terminated, truncated, {}

    def close(self, **kwargs: Any) -> None:
        """End the batch's thread."""
        self._pool.close()

    def _described(self, observations: dict[str, np.ndarray], starting: Any) -> dict[str, np.ndarray]:
        for row in starting:
            text = observations["mission"][row].tobytes().partition(b"\0")[0]
            self._missions[row] = self._texts.encode(text.decode())
        return {"obs": observations["image"], "direction": observations["direction"], "mission": self._missions}
