"""Small environments with known behaviour for the tests of this package. Knows no adapter."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import BatchedEnv, StepArrays, new_step_arrays
from sample_factory.envs.observations import zero_rows


class Runner:
    """A batched environment with arrays of its own; the outcome of a step is copied."""

    def __init__(self, env: BatchedEnv) -> None:
        self.env: Any = env  # tests look inside
        self.out = zero_rows(env.keys, env.num_rows)
        self.result: StepArrays = new_step_arrays(env.num_rows)
        for array in (*self.result, *self.out.values()):
            array[...] = 77  # every element must be written at each step

    def reset(self, seed: int | None = None) -> dict[str, np.ndarray]:
        self.env.reset(seed, self.out)
        return {name: array.copy() for name, array in self.out.items()}

    def step(self, actions: Any) -> tuple[dict[str, np.ndarray], StepArrays, list[Any]]:
        flat = np.asarray(actions, self.env.actions.dtype).reshape(self.env.num_rows, self.env.actions.num_actions)
        episodes = list(self.env.step(flat, self.out, self.result))
        result = StepArrays(*(array.copy() for array in self.result))
        return {name: array.copy() for name, array in self.out.items()}, result, episodes


class Counting(gym.Env):
    """Observes [episode, step]; terminates or is cut after `length` steps; reward is the step number."""

    observation_space = gym.spaces.Box(-np.inf, np.inf, (2,), np.float64)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, length: int = 3, truncates: bool = False) -> None:
        self.length, self.truncates = length, truncates
        self.episode, self.steps = 0, 0
        self.closed = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode += 1
        self.steps = 0
        return np.array([self.episode, 0.0]), {}

    def step(self, action):
        self.steps += 1
        ended = self.steps == self.length
        info = {"true_objective": 10.0 * self.episode} if ended else {}
        observation = np.array([self.episode, self.steps], np.float64)
        return observation, float(self.steps), ended and not self.truncates, ended and self.truncates, info

    def close(self):
        self.closed += 1


class Nested(gym.Env):
    """Every kind of observation leaf, and a Tuple of actions."""

    observation_space = gym.spaces.Dict(
        {
            "camera": gym.spaces.Box(0, 255, (3, 8, 10), np.uint8),
            "sensors": gym.spaces.Dict({"speed": gym.spaces.Box(-1, 1, (2, 2), np.float64)}),
            "level": gym.spaces.Discrete(5, start=3),
            "counts": gym.spaces.MultiDiscrete([4, 6]),
            "flags": gym.spaces.MultiBinary(3),
        }
    )
    action_space = gym.spaces.Tuple(
        (gym.spaces.Discrete(3, start=-1), gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.MultiDiscrete([2, 5]))
    )

    def __init__(self) -> None:
        self.actions: list[Any] = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        return self.observation_space.sample(), {}

    def step(self, action):
        assert self.action_space.contains(action)
        self.actions.append(action)
        return self.observation_space.sample(), 0.0, False, False, {"num_frames": 4}


class Raising(Counting):
    """Raises at step `when` of every episode."""

    def __init__(self, when: int = 2, length: int = 1000) -> None:
        super().__init__(length)
        self.when = when

    def step(self, action):
        if self.steps + 1 == self.when:
            raise RuntimeError("the simulator crashed")
        return super().step(action)


class InPlace(Counting):
    """Writes its own rows."""

    frames_per_step = 4

    def reset_into(self, seed, out):
        observation, info = self.reset(seed=seed)
        out["obs"][:] = observation
        return info

    def step_into(self, action, out):
        observation, *rest = self.step(action)
        out["obs"][:] = observation
        return tuple(rest)


class Duel:
    """Two agents, of which agent 1 is inactive on even steps; both end after `length` steps.

    Its interface is that of the first generation, unless `has_five`.
    """

    num_agents = 2
    is_multiagent = True
    observation_space = gym.spaces.Box(-np.inf, np.inf, (1,), np.float32)
    action_space = gym.spaces.Discrete(3)

    def __init__(self, length: int = 3, has_five: bool = False, raise_at: int | None = None) -> None:
        self.length, self.has_five, self.raise_at = length, has_five, raise_at
        self.steps, self.closed = 0, 0
        self.actions: list[Any] = []

    def _observe(self):
        return [np.array([self.steps], np.float32), np.array([100 + self.steps], np.float32)]

    def reset(self):
        self.steps = 0
        return self._observe()

    def step(self, actions):
        self.actions.append(actions)
        self.steps += 1
        if self.steps == self.raise_at:
            raise RuntimeError("connection lost")
        infos: list[dict[str, Any]] = [{"num_frames": 2}, {"num_frames": 2, "is_active": self.steps % 2 == 1}]
        ended = self.steps == self.length
        if ended:
            self.steps = 0
            infos[0]["true_objective"] = 5.0
        rewards = [1.0, 2.0]
        if self.has_five:
            return self._observe(), rewards, [False, False], [ended, ended], infos
        return self._observe(), rewards, [ended, ended], infos

    def close(self):
        self.closed += 1
