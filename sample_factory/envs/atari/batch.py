"""A batch of one Atari game, stacked images in and out of the block's memory. Knows neither simulator by name.

The simulators give one image per step and the stack is kept here: a quarter of the bytes leave the simulator, and the
images are written channel-last plane by plane (9 us a row; 44 us if a stack [4, 84, 84] is turned around as a whole).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.atari.rules import IMAGE_SIZE, Rules
from sample_factory.envs.contract import EpisodeInfo, StepArrays
from sample_factory.envs.seeding import env_seed
from sample_factory.rl.spaces import action_layout, observation_keys


def observation_space(rules: Rules) -> gym.spaces.Box:
    """Gray images [height, width, framestack], the oldest first."""
    return gym.spaces.Box(0, 255, (IMAGE_SIZE, IMAGE_SIZE, rules.framestack), np.uint8)


class AtariBatch:
    """One environment per row.

    A lost life, where the rules make it an end, is a terminated step which resets at once: the written observation is
    the first one of what follows, no step is lost, and no episode is reported before the game is over. So reported
    returns are always those of whole games.

    Args:
        vector: next-step autoreset; images [num_envs, 1, 84, 84] and `lives` in its infos.
    """

    def __init__(self, vector: gym.vector.VectorEnv[Any, Any, Any], rules: Rules) -> None:
        self.num_rows = vector.num_envs
        self.keys = observation_keys(observation_space(rules))
        self.actions = action_layout(vector.single_action_space)
        self._vector: Any = vector
        self._rules = rules
        self._images = np.zeros((rules.framestack, self.num_rows, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self._newest = 0  # index into the ring of images
        self._lives = np.zeros(self.num_rows, np.int32)
        self._ended = np.zeros(self.num_rows, np.bool_)

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode in every row."""
        images, infos = self._vector.reset(seed=env_seed(seed, 0))
        self._ended[:] = False
        self._lives[:] = infos["lives"]
        self._images[:] = images[:, 0]
        self._write(out["obs"])

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every game; those that are over are reset instead."""
        images, rewards, terminated, truncated, infos = self._vector.step(actions[:, 0])
        result.resets[:] = self._ended
        np.logical_not(self._ended, out=result.valid)
        np.multiply(result.valid, self._rules.frameskip, out=result.frames)
        result.rewards[:], result.terminated[:], result.truncated[:] = rewards, terminated, truncated
        self._push(images[:, 0])
        self._write(out["obs"])
        np.logical_or(terminated, truncated, out=self._ended)
        if self._rules.ends_with_life:
            self._mark_lost_lives(infos["lives"], result)
        return [EpisodeInfo(row, {}) for row in np.flatnonzero(self._ended).tolist()]

    def close(self) -> None:
        """End the simulator and its thread."""
        vector, self._vector = self._vector, None
        if vector is not None:
            vector.close()

    def _push(self, images: np.ndarray) -> None:
        """Add the newest image; rows that have just been reset see nothing else."""
        self._newest = (self._newest + 1) % len(self._images)
        self._images[self._newest] = images
        if self._ended.any():
            self._images[:, self._ended] = images[self._ended]

    def _write(self, out: np.ndarray) -> None:
        count = len(self._images)
        for channel in range(count):
            out[..., channel] = self._images[(self._newest + 1 + channel) % count]

    def _mark_lost_lives(self, lives: np.ndarray, result: StepArrays) -> None:
        # Not 0: some games show that for a few frames before they are over.
        lost = (lives < self._lives) & (lives > 0) & result.valid & ~self._ended
        np.logical_or(result.terminated, lost, out=result.terminated)
        np.logical_or(result.resets, lost, out=result.resets)
        self._lives[:] = lives
