"""The `tmaze_<length>` family: a corridor that asks for memory, and nothing else. Knows no recurrent network.

The rules, after Bakker (2001), chosen so that both optima are exact:

- An episode starts at cell 0 of a corridor; the junction is cell `length`. Actions: 0 forward, 1 left, 2 right.
- The first observation says in which arm the goal is; no later one does. Observations are four floats:
  goal is left, goal is right, in the corridor, at the junction.
- The first step enters the corridor whatever the action is. From then on forward moves one cell, left and right do
  nothing. So nothing of the first observation can be kept in the position.
- At the junction forward does nothing; left and right end the episode: reward 4 in the goal's arm, -0.1 in the other
  one. All other rewards are 0.
- After 3 * length steps the episode is truncated.

The best return is 4. A policy without memory acts at the junction independently of the goal's side, which is left or
right with equal probability, so the best that it can expect is (4 - 0.1) / 2 = 1.95.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import EpisodeInfo, StepArrays, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import EnvFamily
from sample_factory.rl.spaces import action_layout, observation_keys

PREFIX = "tmaze_"
FORWARD, LEFT, RIGHT = 0, 1, 2
GOAL_REWARD, WRONG_REWARD = 4.0, -0.1
OBSERVATION_SPACE = gym.spaces.Box(0.0, 1.0, (4,), np.float32)
ACTION_SPACE = gym.spaces.Discrete(3)


class TMaze:
    """Many T-mazes as one batched environment."""

    def __init__(self, num_envs: int, length: int) -> None:
        self.num_rows = num_envs
        self.length = length
        self.max_steps = 3 * length
        self.keys = observation_keys(OBSERVATION_SPACE)
        self.actions = action_layout(ACTION_SPACE)
        self._rng = np.random.default_rng()
        self._goal_is_right = np.zeros(num_envs, bool)
        self._position = np.zeros(num_envs, np.int32)
        self._elapsed = np.zeros(num_envs, np.int32)
        self._ended = np.zeros(num_envs, bool)

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode in every maze."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._ended[:] = False
        self._start(np.ones(self.num_rows, bool))
        self._observe(out["obs"])

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every maze; those whose episode has ended are reset instead."""
        action, resets = actions[:, 0], self._ended.copy()
        at_junction = (self._position == self.length) & ~resets
        chooses = at_junction & (action != FORWARD)
        is_right = (action == RIGHT) == self._goal_is_right
        self._position += ~at_junction & ((action == FORWARD) | (self._elapsed == 0))
        self._elapsed += 1
        np.multiply(chooses, np.where(is_right, GOAL_REWARD, WRONG_REWARD), out=result.rewards, casting="same_kind")
        result.terminated[:] = chooses
        result.truncated[:] = ~chooses & (self._elapsed >= self.max_steps) & ~resets
        result.valid[:] = ~resets
        result.resets[:] = resets
        result.frames[:] = ~resets
        if resets.any():
            self._start(resets)
        self._observe(out["obs"])
        np.logical_or(result.terminated, result.truncated, out=self._ended)
        return [EpisodeInfo(row, {}) for row in np.flatnonzero(self._ended).tolist()]

    def close(self) -> None:
        """Nothing to release."""

    def _start(self, rows: np.ndarray) -> None:
        self._goal_is_right[rows] = self._rng.random(int(rows.sum())) < 0.5
        self._position[rows] = 0
        self._elapsed[rows] = 0

    def _observe(self, out: np.ndarray) -> None:
        at_junction, is_first = self._position == self.length, self._elapsed == 0
        out[:, 0] = is_first & ~self._goal_is_right
        out[:, 1] = is_first & self._goal_is_right
        out[:, 2] = ~at_junction
        out[:, 3] = at_junction


class TMazeEnv(gym.Env[np.ndarray, Any]):
    """One T-maze with Gymnasium's interface, to look at; the rules are those of `TMaze`."""

    metadata = {"render_modes": ["ansi"]}  # noqa: RUF012

    def __init__(self, length: int, render_mode: str | None = None) -> None:
        self.observation_space = OBSERVATION_SPACE
        self.action_space = ACTION_SPACE
        self.render_mode = render_mode
        self._maze = TMaze(1, length)
        self._out = zero_rows(self._maze.keys, 1)
        self._result = new_step_arrays(1)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        self._maze.reset(seed, self._out)
        return self._out["obs"][0].copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Do one action."""
        result = self._result
        self._maze.step(np.array([[action]], np.int32), self._out, result)
        outcome = float(result.rewards[0]), bool(result.terminated[0]), bool(result.truncated[0])
        return self._out["obs"][0].copy(), *outcome, {}

    def render(self) -> str:
        """The last observation in words."""
        left, right, _, at_junction = self._out["obs"][0]
        place = "junction" if at_junction else "corridor"
        return f"{place}{', goal left' if left else ''}{', goal right' if right else ''}"


def make_tmaze(
    full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None, render_mode: str | None = None
) -> TMaze | TMazeEnv:
    """Make `tmaze_<length>`: all mazes of a group at once, or a single one to look at."""
    digits = full_env_name.removeprefix(PREFIX)
    if not digits.isdecimal() or int(digits) < 1:
        raise ValueError(f"unknown environment {full_env_name!r}; use tmaze_<length>, such as tmaze_10")
    if env_config is None or "num_envs" not in env_config:
        return TMazeEnv(int(digits), render_mode)
    return TMaze(env_config["num_envs"], int(digits))


FAMILY = EnvFamily(
    PREFIX,
    make_tmaze,
    defaults={"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco"},
    names=lambda: [f"{PREFIX}{length}" for length in (5, 10, 20)],
)
