"""The VizDoom environment that peers play in `doom`: plain VizDoom and Gymnasium. Knows neither our engine nor a peer.

Same game as the engine's own `doom_benchmark`; what has to agree is listed once, below.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
import vizdoom as vzd

# ---- the game: must agree with the engine's own environment of the case
SCENARIO = Path(__file__).parents[2] / ".venv-peers" / "battle.wad"
"""Written by `install_peers.sh`."""
NUM_MAPS = 8
SKILL = 2
FRAMESKIP = 4
EPISODE_START_TIC = 14
EPISODE_TIMEOUT_TICS = 2100
RENDER_HUD = True
RENDER_CROSSHAIR = True
BUTTONS = (
    "MOVE_FORWARD",
    "MOVE_BACKWARD",
    "MOVE_RIGHT",
    "MOVE_LEFT",
    "TURN_RIGHT",
    "TURN_LEFT",
    "ATTACK",
    "SPEED",
)
RENDER_WIDTH, RENDER_HEIGHT = 160, 120
WIDTH, HEIGHT = 128, 72


class DoomEnv(gym.Env):
    """Nothing or one button for 4 tics; images [3, 72, 128] uint8; reward as the scenario gives it."""

    metadata = {"render_modes": []}  # noqa: RUF012 (Gymnasium's own convention)

    def __init__(self, render_mode: str | None = None) -> None:
        self.observation_space = gym.spaces.Box(0, 255, (3, HEIGHT, WIDTH), np.uint8)
        self.action_space = gym.spaces.Discrete(1 + len(BUTTONS))
        self.render_mode = render_mode
        self._game: vzd.DoomGame | None = None
        self._last = np.zeros((3, HEIGHT, WIDTH), np.uint8)
        self._presses = [[False] * len(BUTTONS), *np.eye(len(BUTTONS), dtype=bool).tolist()]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        if self._game is None:
            self._game = self._start_game()
        else:
            self._game.set_doom_map(self._draw_map())
            self._game.new_episode()
        return self._observation(), {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        assert self._game is not None, "reset comes first"
        reward = self._game.make_action(self._presses[int(action)], FRAMESKIP)
        ended = self._game.is_episode_finished()
        truncated = ended and not self._game.is_player_dead()
        return self._observation(), reward, ended and not truncated, truncated, {"num_frames": FRAMESKIP}

    def close(self) -> None:
        if self._game is not None:
            self._game.close()
            self._game = None

    def _observation(self) -> np.ndarray:
        state = self._game.get_state()
        if state is not None:  # there is none after the last step: the last image stands in
            # The three planes resized as one tall picture: an eighth of the time of resizing height-width-channel.
            tall = state.screen_buffer.reshape(3 * RENDER_HEIGHT, RENDER_WIDTH)
            resized = cv2.resize(tall, (WIDTH, 3 * HEIGHT), interpolation=cv2.INTER_NEAREST)
            self._last = resized.reshape(3, HEIGHT, WIDTH)
        return self._last

    def _draw_map(self) -> str:
        return f"map{self.np_random.integers(NUM_MAPS) + 1:02d}"

    def _start_game(self) -> vzd.DoomGame:
        cv2.setNumThreads(0)
        game = vzd.DoomGame()
        game.set_doom_scenario_path(str(SCENARIO))
        game.set_doom_map(self._draw_map())
        game.set_doom_skill(SKILL)
        game.set_available_buttons([getattr(vzd.Button, name) for name in BUTTONS])
        game.set_screen_resolution(getattr(vzd.ScreenResolution, f"RES_{RENDER_WIDTH}X{RENDER_HEIGHT}"))
        game.set_screen_format(vzd.ScreenFormat.CRCGCB)
        game.set_render_hud(RENDER_HUD)
        game.set_render_crosshair(RENDER_CROSSHAIR)
        game.set_render_weapon(True)
        game.set_render_screen_flashes(True)
        game.set_render_decals(False)
        game.set_render_particles(False)
        game.set_episode_start_time(EPISODE_START_TIC)
        game.set_episode_timeout(EPISODE_TIMEOUT_TICS)
        game.set_window_visible(False)
        game.set_sound_enabled(False)
        game.set_mode(vzd.Mode.PLAYER)
        game.set_seed(int(self.np_random.integers(2**31)))
        # A settings file of its own, in the working folder: games write it when they close.
        game.set_doom_config_path(os.path.abspath(f"doom-{os.getpid()}-{id(self)}.ini"))
        game.init()
        return game
