"""Environments whose reward is what their shaping says: one agent, two agents, native batches. Know no adapter."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import EpisodeInfo
from sample_factory.rl.spaces import action_layout, observation_keys

SHAPING = {"goal": 1.0, "delta": {"health": 0.5, "ammo": 0.0}}
EPISODE = 4
OBSERVATIONS = gym.spaces.Box(-1, 1, (2,), np.float32)
ACTIONS = gym.spaces.Discrete(2)


def reward_of(shaping: dict[str, Any]) -> float:
    """Different for every change of a value."""
    return shaping["goal"] + 10 * shaping["delta"]["health"] + 100 * shaping["delta"]["ammo"]


class Shaped(gym.Env[Any, Any]):
    """One agent; its episodes say which shaping they ended with. Raises at a step if told so."""

    observation_space, action_space = OBSERVATIONS, ACTIONS

    def __init__(self) -> None:
        self.reward_shaping: dict[str, Any] = SHAPING
        self.steps = 0
        self.is_broken = False

    def set_reward_shaping(self, reward_shaping: dict[str, Any], agent: int) -> None:
        assert agent == 0
        self.reward_shaping = reward_shaping

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.steps = 0
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        if self.is_broken:
            raise RuntimeError("broken")
        self.steps += 1
        ended = self.steps == EPISODE
        info = {"episode_extra_stats": {"goal": self.reward_shaping["goal"]}} if ended else {}
        return np.zeros(2, np.float32), reward_of(self.reward_shaping), ended, False, info


class Plain(gym.Wrapper[Any, Any, Any, Any]):
    """Hides what it wraps, as wrappers do."""


class ShapedDuel:
    """Two agents, each with a shaping of its own."""

    observation_space, action_space = OBSERVATIONS, ACTIONS
    num_agents, is_multiagent = 2, True

    def __init__(self) -> None:
        self.reward_shaping = SHAPING
        self.own: list[dict[str, Any]] = [SHAPING, SHAPING]
        self.is_broken = False

    def set_reward_shaping(self, reward_shaping: dict[str, Any], agent: int) -> None:
        self.own[agent] = reward_shaping

    def reset(self) -> list[Any]:
        return [np.zeros(2, np.float32)] * 2

    def step(self, actions: Any) -> Any:
        if self.is_broken:
            raise RuntimeError("broken")
        return self.reset(), [reward_of(shaping) for shaping in self.own], [False] * 2, [{}, {}]

    def close(self) -> None:
        pass


class ShapedBatch:
    """A native batch."""

    keys, actions = observation_keys(OBSERVATIONS), action_layout(ACTIONS)

    def __init__(self, num_rows: int) -> None:
        self.num_rows = num_rows
        self.reward_shaping = SHAPING
        self.own: list[dict[str, Any]] = [SHAPING] * num_rows

    def set_reward_shaping(self, reward_shaping: dict[str, Any], agent: int) -> None:
        self.own[agent] = reward_shaping

    def reset(self, seed: int | None, out: Any) -> None:
        out["obs"][:] = 0

    def step(self, actions: Any, out: Any, result: Any) -> list[EpisodeInfo]:
        out["obs"][:] = 0
        result.rewards[:] = [reward_of(shaping) for shaping in self.own]
        result.terminated[:] = result.truncated[:] = result.resets[:] = False
        result.valid[:] = True
        result.frames[:] = 1
        return []

    def close(self) -> None:
        pass


def make_shaped(full_env_name: str, cfg: Any, env_config: Any) -> Any:
    """`shaped_single`, `shaped_wrapped`, `shaped_duel`, `shaped_batch` and, with nothing to shape, `shaped_not`."""
    kind = full_env_name.removeprefix("shaped_")
    if kind == "batch":
        return ShapedBatch(env_config.num_envs)
    if kind == "not":
        return gym.make("CartPole-v1")
    return {"single": Shaped, "wrapped": lambda: Plain(Shaped()), "duel": ShapedDuel}[kind]()
