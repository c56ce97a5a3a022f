"""One environment of the minigrid package, with missions as numbers of words. Knows no rule of the game."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym

from sample_factory.envs.minigrid.missions import observation_space, vocabulary
from sample_factory.envs.minigrid.view import View

Observation = dict[str, Any]


class MiniGrid(gym.Wrapper[Any, Any, Any, Any]):
    """The package's environment with our observations; rules, rewards, time limits and rendering are its own.

    The image of an observation must not be written to.
    """

    def __init__(self, gym_id: str, render_mode: str | None = None) -> None:
        self._game: Any = _make(gym_id, render_mode)
        super().__init__(self._game)
        self._texts = vocabulary(gym_id)
        self.observation_space = observation_space(self._game.observation_space["image"], self._texts)
        self._view = View(self._game)
        # The package's step and reset call this for their observation.
        self._game.gen_obs = self._observe

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        """Start an episode."""
        self._view.forget()
        observation, info = self._game.reset(seed=seed)
        return self._described(observation), info

    # hot path
    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Do one action."""
        observation, reward, terminated, truncated, info = self._game.step(action)
        return self._described(observation), reward, terminated, truncated, info

    def _observe(self) -> Observation:
        return {"image": self._view.image(), "direction": self._game.agent_dir, "mission": self._game.mission}

    def _described(self, observation: Mapping[str, Any]) -> Observation:
        return {
            "obs": observation["image"],
            "direction": observation["direction"],
            "mission": self._texts.encode(observation["mission"]),
        }


def known_ids() -> list[str]:
    """All environments of the package."""
    import minigrid  # noqa: F401 (registers them)

    return [gym_id for gym_id in gym.registry if gym_id.startswith(("MiniGrid-", "BabyAI-"))]


def _make(gym_id: str, render_mode: str | None) -> Any:
    from minigrid.envs.babyai.core import roomgrid_level

    # Prints a line for every level that it throws away again.
    roomgrid_level.print = _silence  # type: ignore[attr-defined]
    kwargs: Any = {} if render_mode is None else {"render_mode": render_mode}
    # By the registered description and not by its id, for which Gymnasium would warn of every old version.
    return gym.make(gym.registry[gym_id], disable_env_checker=True, **kwargs).unwrapped


def _silence(*_: Any, **__: Any) -> None:
    pass
