"""The Atari game that peers play one by one: ale-py, OpenCV and Gymnasium. Knows neither our engine nor a peer.

The rules are in `atari_rules`.
"""

from __future__ import annotations

from typing import Any

import ale_py
import cv2
import gymnasium as gym
import numpy as np
from ale_py import Action, ALEInterface, roms
from atari_rules import FRAMESKIP, FRAMESTACK, IMAGE_SIZE, MAX_FRAMES, MAX_NOOPS


class AtariEnv(gym.Env):
    """Images [4, 84, 84] uint8, the oldest first, each the maximum of the last two frames of a step.

    A lost life ends the episode, and the next one goes on with the same game.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own convention)

    def __init__(self, game: str, render_mode: str | None = None) -> None:
        ALEInterface.setLoggerMode(ale_py.LoggerMode.Error)
        self._ale = ALEInterface()
        self._ale.setFloat("repeat_action_probability", 0.0)
        self._ale.setInt("max_num_frames_per_episode", 0)
        self._game = game
        self._is_loaded = False
        self._load(0)
        self._actions = self._ale.getMinimalActionSet()
        self.observation_space = gym.spaces.Box(0, 255, (FRAMESTACK, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self.action_space = gym.spaces.Discrete(len(self._actions))
        self.render_mode = render_mode
        self._frames = [np.zeros(self._ale.getScreenDims(), np.uint8) for _ in range(2)]
        self._stack = np.zeros((FRAMESTACK, IMAGE_SIZE, IMAGE_SIZE), np.uint8)
        self._lives = 0
        self._num_frames = 0
        self._is_over = True

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        if seed is not None:
            self._load(int(self.np_random.integers(2**31)))
            self._is_over = True
        if self._is_over:
            self._start_game()
        return self._stack.copy(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        reward = self._hold(self._actions[int(action)])
        self._stack[:-1] = self._stack[1:]
        self._stack[-1] = self._image()
        lives = self._ale.lives()
        terminated = self._ale.game_over()
        truncated = not terminated and self._num_frames >= MAX_FRAMES
        self._is_over = terminated or truncated
        # Not 0: some games show that for a few frames before they are over.
        terminated = terminated or 0 < lives < self._lives
        self._lives = lives
        return self._stack.copy(), reward, terminated, truncated, {"num_frames": FRAMESKIP}

    def _load(self, seed: int) -> None:
        self._ale.setInt("random_seed", seed)
        self._ale.loadROM(roms.get_rom_path(self._game))

    def _start_game(self) -> None:
        self._ale.reset_game()
        noops = int(self.np_random.integers(MAX_NOOPS + 1))
        fire = [Action.FIRE] * (Action.FIRE in self._actions)
        for action in [*fire, *[Action.NOOP] * noops]:
            self._ale.act(action)
            if self._ale.game_over():
                self._ale.reset_game()
        self._ale.getScreenGrayscale(self._frames[0])
        self._frames[1][:] = self._frames[0]
        self._stack[:] = self._image()
        self._lives = self._ale.lives()
        self._num_frames = self._ale.getEpisodeFrameNumber()
        self._is_over = False

    def _hold(self, action: Any) -> float:
        reward = 0.0
        for frame in range(FRAMESKIP):
            reward += self._ale.act(action)
            if frame >= FRAMESKIP - 2:
                self._ale.getScreenGrayscale(self._frames[frame - FRAMESKIP + 2])
        self._num_frames += FRAMESKIP
        return reward

    def _image(self) -> np.ndarray:
        np.maximum(self._frames[0], self._frames[1], out=self._frames[0])
        return cv2.resize(self._frames[0], (IMAGE_SIZE, IMAGE_SIZE), interpolation=cv2.INTER_AREA)
