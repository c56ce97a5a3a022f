"""Small environments for the tests of this package, `case_<kind>` in the registry. Know no adapter and no engine."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs import registry
from sample_factory.rl.spaces import MASK_KEY

PREFIX = "case_"
ACTION_SPACES: dict[str, gym.Space[Any]] = {
    "discrete": gym.spaces.Discrete(4),
    "multidiscrete": gym.spaces.MultiDiscrete([3, 2, 4]),
    "box1": gym.spaces.Box(-1, 1, (3,), np.float32),
    "box2": gym.spaces.Box(-1, 1, (2, 2), np.float32),
    "positive": gym.spaces.Box(1, 3, (2,), np.float32),
    "tuple": gym.spaces.Tuple(
        (gym.spaces.Discrete(3), gym.spaces.Box(-2, 2, (2,), np.float32), gym.spaces.Discrete(2))
    ),
    "masked": gym.spaces.Discrete(5),
}


class Wandering(gym.Env[Any, Any]):
    """Random observations; episodes of random length, of which every other one is cut instead of ending."""

    def __init__(self, kind: str) -> None:
        self.action_space = ACTION_SPACES[kind]
        vector = gym.spaces.Box(-np.inf, np.inf, (5,), np.float32)
        self._is_masked = kind == "masked"
        self.observation_space = (
            gym.spaces.Dict({"obs": vector, MASK_KEY: gym.spaces.MultiBinary(5)}) if self._is_masked else vector
        )
        self._episode = self._left = 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._episode += 1
        self._left = int(self.np_random.integers(1, 12))
        return self._observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        assert not self._is_masked or self._allowed[action], "a forbidden action was chosen"
        self._left -= 1
        ended, cut = self._left == 0, self._episode % 2 == 0
        return self._observe(), float(self.np_random.normal()), ended and not cut, ended and cut, {}

    def _observe(self) -> Any:
        vector = self.np_random.normal(size=5).astype(np.float32)
        if not self._is_masked:
            return vector
        self._allowed = self.np_random.integers(0, 2, 5).astype(np.int8)
        self._allowed[self.np_random.integers(5)] = 1
        return {"obs": vector, MASK_KEY: self._allowed.copy()}


class Mixed(Wandering):
    """The same with an image and integers to see."""

    def __init__(self) -> None:
        super().__init__("discrete")
        self.observation_space = gym.spaces.Dict(
            {
                "obs": gym.spaces.Box(0, 255, (40, 40, 3), np.uint8),
                "level": gym.spaces.Discrete(7),
                "counts": gym.spaces.MultiDiscrete([3, 4]),
            }
        )

    def _observe(self) -> Any:
        random = self.np_random
        return {
            "obs": random.integers(0, 256, (40, 40, 3), np.uint8),
            "level": int(random.integers(7)),
            "counts": random.integers(0, 3, 2),
        }


class ConstantReward(gym.Env[Any, Any]):
    """Reward 1 at every step of episodes of ten steps; observes the step."""

    observation_space = gym.spaces.Box(0, 10, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, truncates: bool) -> None:
        self._truncates, self._steps = truncates, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self._steps = 0
        return np.zeros(1, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self._steps += 1
        ended = self._steps == 10
        observation = np.full(1, self._steps, np.float32)
        return observation, 1.0, ended and not self._truncates, ended and self._truncates, {}


class Absent(gym.Env[Any, Any]):
    """Two agents; the second takes no part, for good."""

    num_agents, is_multiagent = 2, True
    observation_space = gym.spaces.Box(0, 1, (1,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, Any]:
        return [np.zeros(1, np.float32)] * 2, [{}, {}]

    def step(self, actions: Any) -> Any:
        infos: list[dict[str, Any]] = [{}, {"is_active": False}]
        return [np.zeros(1, np.float32)] * 2, [1.0, 0.0], [False] * 2, [False] * 2, infos


def make_case(full_env_name: str, cfg: Any, env_config: Any, render_mode: str | None = None) -> gym.Env[Any, Any]:
    """The environment `case_<kind>`."""
    kind = full_env_name.removeprefix(PREFIX)
    if kind == "absent":
        return Absent()
    if kind.startswith("constant"):
        return ConstantReward(truncates=kind == "constant_truncated")
    return Mixed() if kind == "mixed" else Wandering(kind)


FAMILY = registry.EnvFamily(PREFIX, make_case, defaults={"encoder_type": "mlp"})
