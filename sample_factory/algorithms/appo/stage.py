"""One environment to be looked at: stepped as a batched environment, and rendered. Knows no policy and no video."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import gymnasium as gym
import numpy as np

from sample_factory.envs.batching import batch_envs
from sample_factory.envs.multi_agent import env_attribute
from sample_factory.envs.registry import EnvConfig, create_env

RenderMode = Literal["human", "rgb_array"]
_DEFAULT_FPS = 30.0
_DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER")
# They change nothing in what is seen, and refuse to render because the batch goes around them.
_CHECKING_WRAPPERS = (gym.wrappers.TimeLimit, gym.wrappers.OrderEnforcing, gym.wrappers.PassiveEnvChecker)


class Stage:
    """The environment and what is seen of it.

    Raises:
        ValueError: it cannot be made, or not be shown in this way.
    """

    def __init__(
        self, name: str, options: SimpleNamespace, render_mode: RenderMode | None, keeps_demos: bool = False
    ) -> None:
        if render_mode == "human" and sys.platform == "linux" and not any(map(os.environ.get, _DISPLAYS)):
            raise ValueError(
                "there is no display for a window (DISPLAY is not set); use --no_render, --save_video or --record_to"
            )
        self._name, self._options, self._render_mode, self._keeps_demos = name, options, render_mode, keeps_demos
        self._shown: Any = None
        self.env = batch_envs(name, self._make, 1)
        if hasattr(self.env, "shows_last"):
            self.env.shows_last = True

    @property
    def fps(self) -> float:
        """Steps per second that the environment would like to be shown at."""
        return float(env_attribute(self._shown, "metadata", {}).get("render_fps") or _DEFAULT_FPS)

    @property
    def frames_per_step(self) -> int:
        """Simulator ticks of a step."""
        return int(env_attribute(self._shown, "frames_per_step", 1))

    def show(self) -> None:
        """Bring the window up to date; Gymnasium environments do that themselves."""
        if self._render_mode == "human" and not isinstance(self._shown, gym.Env | gym.vector.VectorEnv):
            self._shown.render()

    def frame(self) -> np.ndarray:
        """What is seen now, uint8 [height, width, 3].

        Raises:
            ValueError: the environment does not give an image.
        """
        image: Any = self._shown.render()
        if isinstance(image, list | tuple) and image:  # of a vector environment, or one per agent
            image = image[0]
        if isinstance(image, np.ndarray) and image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=-1)
        if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[-1] not in (3, 4):
            raise ValueError(f"environment {self._name!r} renders {_what(image)}, not an image [height, width, 3]")
        return np.asarray(image[..., :3], np.uint8)

    def overlays(self) -> list[dict[str, str]]:
        """What the environment has to say about the frame, of each row; empty if it has no such method."""
        overlay = env_attribute(self._shown, "overlay", None)
        if overlay is None:
            return []
        texts: dict[str, str] | list[dict[str, str]] = overlay()
        return [texts] if isinstance(texts, dict) else texts

    def save_demo(self, path: Path) -> None:
        """Save the episode that has just ended as a recording of the game's own, if the environment makes such."""
        if self._keeps_demos and (save := env_attribute(self._shown, "save_demo", None)) is not None:
            save(path)

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def _make(self, _: int) -> Any:
        """Called again when the environment has failed."""
        # Without a place the factory makes one environment to look at, not a native batch.
        place = None
        if self._render_mode is None:
            place = EnvConfig(worker_index=0, vector_index=0, env_id=0, num_envs=1, is_training=False)
        env = create_env(self._name, self._options, place, self._render_mode)
        if self._render_mode is not None and not _can_render(env, self._render_mode):
            env.close()
            raise ValueError(f"environment {self._name!r} cannot be rendered as {self._render_mode!r}; use --no_render")
        self._shown = env
        while type(self._shown) in _CHECKING_WRAPPERS:
            self._shown = self._shown.env
        if self._keeps_demos and (keep := env_attribute(self._shown, "keep_demos", None)) is not None:
            keep()
        return env


def _can_render(env: Any, mode: str) -> bool:
    """Whether it says so; an environment that lists no modes gets the chance to try."""
    modes = getattr(env, "metadata", {}).get("render_modes")
    return hasattr(env, "render") and (not modes or mode in modes)


def _what(image: Any) -> str:
    return f"an array {image.shape}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
