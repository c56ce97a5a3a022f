"""Environments that peers step many at once, by whoever does it best. Knows no peer.

Rows have `num_rows`, the spaces of one row, `reset(seed) -> observations` and
`step(actions) -> observations, rewards, terminated, truncated`. An episode that has ended starts anew in the same step
or in the next one, as the simulator does it; in the latter case a peer counts a step that is none.
"""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np


class VectorRows:
    """A vector environment with Gymnasium's interface; EnvPool's takes no seed when it is reset."""

    def __init__(
        self,
        vector: Any,
        num_rows: int,
        observation_space: gym.Space,
        action_space: gym.Space,
        takes_seed: bool = True,
    ) -> None:
        self.num_rows = num_rows
        self.observation_space, self.action_space = observation_space, action_space
        self._vector, self._takes_seed = vector, takes_seed

    def reset(self, seed: int | None = None) -> np.ndarray:
        """First observations [rows, ...]."""
        return _stored(self._vector.reset(**({"seed": seed} if self._takes_seed else {}))[0])

    def step(self, actions: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """One step of all rows."""
        observations, rewards, terminated, truncated, _ = self._vector.step(actions)
        return _stored(observations), rewards, terminated, truncated


def make_rows(how: str, env: str, num: int, threads: int) -> Any:
    """`num` environments: `how` is gymnasium (its own batch), envpool, ale, or games for the one of two agents.

    Args:
        threads: that step them, where the simulator has a choice.
    """
    return {"gymnasium": _gymnasium, "envpool": _envpool, "ale": _ale, "games": _games}[how](env, num, threads)


def _gymnasium(env: str, num: int, threads: int) -> VectorRows:
    mode = "custom" if gym.__version__.startswith("0.") else "vector_entry_point"
    vector = gym.make_vec(env, num, vectorization_mode=mode)
    return VectorRows(vector, num, vector.single_observation_space, vector.single_action_space)


def _envpool(env: str, num: int, threads: int) -> VectorRows:
    import envpool
    from atari_rules import atari_settings

    settings: dict[str, Any] = {}
    if env.startswith("atari_"):
        env = f"{env.removeprefix('atari_').capitalize()}-v5"
        settings = atari_settings()
    vector = envpool.make_gymnasium(env, num_envs=num, num_threads=threads, **settings)
    return VectorRows(vector, num, _float32(vector.observation_space), vector.action_space, takes_seed=False)


def _ale(env: str, num: int, threads: int) -> VectorRows:
    from ale_py.vector_env import AtariVectorEnv
    from atari_rules import FRAMESKIP, FRAMESTACK, IMAGE_SIZE, MAX_FRAMES, MAX_NOOPS
    from gymnasium.vector import AutoresetMode

    vector = AtariVectorEnv(
        env.removeprefix("atari_"),
        num,
        num_threads=threads,
        max_num_frames_per_episode=MAX_FRAMES,
        img_height=IMAGE_SIZE,
        img_width=IMAGE_SIZE,
        stack_num=FRAMESTACK,
        frameskip=FRAMESKIP,
        maxpool=True,
        noop_max=MAX_NOOPS + 1,
        episodic_life=True,
        reward_clipping=False,
        use_fire_reset=True,
        autoreset_mode=AutoresetMode.SAME_STEP,
    )
    return VectorRows(vector, num, vector.single_observation_space, vector.single_action_space)


def _games(env: str, num: int, threads: int) -> Any:
    from meeting_rows import MeetingRows

    return MeetingRows(num, int(env.removeprefix("meeting_")))


def _float32(space: gym.Space) -> gym.Space:
    if isinstance(space, gym.spaces.Box) and space.dtype == np.float64:
        return gym.spaces.Box(space.low.astype(np.float32), space.high.astype(np.float32))
    return space


def _stored(observations: np.ndarray) -> np.ndarray:
    return observations.astype(np.float32) if observations.dtype == np.float64 else observations
