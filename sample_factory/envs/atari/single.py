"""One Atari game as an ordinary Gymnasium environment, to look at in colour. Knows no batch.

Observations are those of the batch, except for the number of no-ops at the start and the last image of a game, which
the batches repeat from the step before.
"""

from __future__ import annotations

from typing import Any, Literal

import cv2
import gymnasium as gym
import numpy as np
from ale_py import ALEInterface, LoggerMode
from ale_py.env import AtariEnv

from sample_factory.envs.atari.batch import observation_space
from sample_factory.envs.atari.rules import IMAGE_SIZE, Rules

_FRAMES_PER_SECOND = 60
_NOOP = 0


class AtariGame(gym.Env[np.ndarray, Any]):
    """The game `game` (ale-py's name). Lives that are lost are never marked: this is not for training.

    Rendering gives the console's own picture, [210, 160, 3] in most games; a window shows every frame.
    """

    def __init__(self, game: str, rules: Rules, render_mode: Literal["human", "rgb_array"] | None = None) -> None:
        ALEInterface.setLoggerMode(LoggerMode.Error)  # before it says hello
        self._env = AtariEnv(
            game, obs_type="grayscale", frameskip=1, repeat_action_probability=0.0, render_mode=render_mode
        )
        self._rules = rules
        self._frames = 0
        self._stack = np.zeros((IMAGE_SIZE, IMAGE_SIZE, rules.framestack), np.uint8)
        names = self._env.get_action_meanings()
        self._fire = names.index("FIRE") if rules.fires_at_start and "FIRE" in names else None
        self.metadata = {"render_modes": ["human", "rgb_array"], "render_fps": _FRAMES_PER_SECOND / rules.frameskip}
        self.frames_per_step = rules.frameskip
        self.render_mode = render_mode
        self.observation_space = observation_space(rules)
        self.action_space = self._env.action_space

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode."""
        super().reset(seed=seed)
        frame, _ = self._env.reset(seed=seed)
        noops = int(self.np_random.integers(0, self._rules.max_noops, endpoint=True))
        if self._fire is not None:
            frame = self._env.step(self._fire)[0]
            noops -= 1
        for _ in range(noops):
            frame, _, terminated, *_ = self._env.step(_NOOP)
            if terminated:
                frame, _ = self._env.reset()
        self._frames = 0
        self._stack[...] = _shrink(frame)[..., None]
        return self._stack.copy(), {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Hold an action for the frames of a step, or until the game is over."""
        reward, terminated = 0.0, False
        seen: list[np.ndarray] = []
        for _ in range(self._rules.frameskip):
            frame, gain, terminated, *_ = self._env.step(action)
            seen.append(frame)
            reward += gain
            self._frames += 1
            if terminated or self._frames >= self._rules.max_frames:
                break
        image = np.max(seen[-2:], axis=0) if self._rules.pools else seen[-1]
        self._stack = np.concatenate((self._stack[..., 1:], _shrink(image)[..., None]), axis=-1)
        truncated = self._frames >= self._rules.max_frames and not terminated
        return self._stack.copy(), reward, terminated, truncated, {}

    def render(self) -> Any:
        """The picture, uint8 [height, width, 3]; nothing for a window, which shows itself."""
        return self._env.render()

    def close(self) -> None:
        """Close the window."""
        self._env.close()


def _shrink(frame: np.ndarray) -> np.ndarray:
    return cv2.resize(frame, (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)
