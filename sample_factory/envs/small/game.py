"""What all small games share: many copies played at once in NumPy, and one copy to look at. Knows no rules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import EpisodeInfo, StepArrays, new_step_arrays
from sample_factory.envs.encoder_defaults import VECTOR_DEFAULTS
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import EnvFamily, MakeEnv
from sample_factory.rl.spaces import action_layout, observation_keys


class SmallGame(ABC):
    """Many copies of one game as one batched environment; row = game * num_agents + agent.

    The episode of a game ends for all its agents at once. Subclasses hold arrays with one entry per game.
    """

    prefix: ClassVar[str]
    """`<prefix><size>` names the environment."""
    smallest: ClassVar[int] = 1
    """The least size that makes sense."""
    num_agents: ClassVar[int] = 1
    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi"]}

    def __init__(
        self, num_games: int, max_steps: int, observation_space: gym.Space[Any], action_space: gym.Space[Any]
    ) -> None:
        """
        Args:
            max_steps: episodes are cut after so many steps.
            observation_space: of one agent; a vector.
            action_space: of one agent; Discrete.
        """
        self.num_games = num_games
        self.num_rows = num_games * self.num_agents
        self.max_steps = max_steps
        self.shows_last = False
        """Whether a terminated episode is treated like a truncated one: its end can be looked at."""
        self.observation_space, self.action_space = observation_space, action_space
        self.keys = observation_keys(observation_space)
        self.actions = action_layout(action_space)
        self._rng = np.random.default_rng()
        self._elapsed = np.zeros(num_games, np.int32)
        self._ended = np.zeros(num_games, bool)  # and are not yet started anew

    @abstractmethod
    def _start(self, games: np.ndarray) -> None:
        """Start an episode in the games that `games` [num_games] bool chooses."""

    # hot path
    @abstractmethod
    def _play(self, actions: np.ndarray) -> tuple[Any, Any]:
        """Play one step of every game with `actions` [num_games, num_agents].

        A game that was truncated is played as well, harmlessly: it is started anew and what is returned for it dropped.

        Returns:
            Rewards that broadcast to [num_games, num_agents], and which games have ended by their rules [num_games].
        """

    # hot path
    @abstractmethod
    def _observe(self, out: np.ndarray) -> None:
        """Write what every agent sees into `out` [num_games, num_agents, width]."""

    @abstractmethod
    def _describe(self) -> str:
        """The state of game 0 in words."""

    def _info(self, row: int) -> dict[str, Any]:
        """Gymnasium's info of the last step, for the agent of a row whose episode has just ended."""
        return {}

    def reset(self, seed: int | None, out: Mapping[str, np.ndarray]) -> None:
        """Start an episode in every game."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._ended[:] = False
        self._elapsed[:] = 0
        self._start(np.ones(self.num_games, bool))
        self._observe(self._per_agent(out["obs"]))

    # hot path
    def step(self, actions: np.ndarray, out: Mapping[str, np.ndarray], result: StepArrays) -> Sequence[EpisodeInfo]:
        """Step every game. One that has terminated starts anew at once, one that was truncated in the next step."""
        late = self._ended.copy()
        rewards, terminated = self._play(self._per_agent(actions[:, 0]))
        self._elapsed += 1
        playing = ~late
        terminated = terminated & playing
        truncated = (self._elapsed >= self.max_steps) & playing & ~terminated
        resets = late if self.shows_last else late | terminated
        self._per_agent(result.rewards)[:] = rewards * playing[:, None]
        for array, value in zip(result[1:], (terminated, truncated, playing, resets, playing), strict=True):
            self._per_agent(array)[:] = value[:, None]
        ended = np.flatnonzero(result.terminated | result.truncated).tolist()
        episodes = [EpisodeInfo(row, self._info(row)) for row in ended]
        self._ended = (terminated | truncated) & ~resets
        if resets.any():
            self._elapsed[resets] = 0
            self._start(resets)
        self._observe(self._per_agent(out["obs"]))
        return episodes

    def render(self) -> str:
        """The state of game 0 in words."""
        return self._describe()

    def close(self) -> None:  # noqa: B027 (there is nothing to release)
        """Does nothing."""

    def _per_agent(self, rows: np.ndarray) -> np.ndarray:
        return rows.reshape(self.num_games, self.num_agents, *rows.shape[1:])


class OneGame(gym.Env[np.ndarray, Any]):
    """A single game for one agent with Gymnasium's interface, to look at."""

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}  # noqa: RUF012 (as its base declares it)

    def __init__(self, game: SmallGame, render_mode: str | None = None) -> None:
        assert game.num_rows == 1
        game.shows_last = True
        self.observation_space, self.action_space = game.observation_space, game.action_space
        self.render_mode = render_mode
        self._game = game
        self._out = zero_rows(game.keys, 1)
        self._result = new_step_arrays(1)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        self._game.reset(seed, self._out)
        return self._out["obs"][0].copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Do one action."""
        result = self._result
        ended = self._game.step(np.array([[action]], np.int32), self._out, result)
        outcome = float(result.rewards[0]), bool(result.terminated[0]), bool(result.truncated[0])
        return self._out["obs"][0].copy(), *outcome, dict(ended[0].info) if ended else {}

    def render(self) -> Any:
        """The state in words, or as a picture uint8 [height, width, 3] if the render mode is "rgb_array"."""
        words = self._game.render()
        if self.render_mode != "rgb_array":
            return words
        from sample_factory.envs.small.picture import draw  # workers that only play need no pictures

        return draw(words, self._out["obs"][0])


def small_family(game: type[SmallGame], sizes: Sequence[int]) -> EnvFamily:
    """The family of a game whose constructor takes (num_games, size); `sizes` are suggested, the middle one first."""
    return EnvFamily(
        game.prefix,
        _maker(game, sizes[len(sizes) // 2]),
        defaults=VECTOR_DEFAULTS,
        names=lambda: [f"{game.prefix}{size}" for size in sizes],
    )


def _maker(game: Any, example: int) -> MakeEnv:
    def make(
        full_env_name: str, cfg: Any, env_config: Mapping[str, Any] | None, render_mode: str | None = None
    ) -> SmallGame | OneGame:
        """All games of a group at once; without a group, one to look at."""
        digits = full_env_name.removeprefix(game.prefix)
        if not digits.isdecimal() or int(digits) < game.smallest:
            raise ValueError(
                f"unknown environment {full_env_name!r}; use {game.prefix}<number from {game.smallest}>, "
                f"such as {game.prefix}{example}"
            )
        if env_config is not None and "num_envs" in env_config:
            made: SmallGame = game(env_config["num_envs"], int(digits))
            return made
        one: SmallGame = game(1, int(digits))
        return OneGame(one, render_mode) if one.num_rows == 1 else one

    return make
