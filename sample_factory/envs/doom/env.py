"""Single-player Doom as a Gymnasium environment that can write its frames in place. Knows no command line."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

import cv2
import gymnasium as gym
import numpy as np
import vizdoom

from sample_factory.envs.doom.actions import action_table
from sample_factory.envs.doom.game import RunningGame, start_game, stop_game
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.shaping import HealthGainReward
from sample_factory.envs.doom.specs import DoomSpec


class DoomEnv(gym.Env[np.ndarray, Any]):
    """One player, one engine process; see `RowEnv` in `sample_factory.envs.contract` for `reset_into` and `step_into`.

    The engine starts at the first reset, so that it inherits the CPU affinity that its worker has by then (sharing one
    core makes it twice as fast). It has no frame of an episode's end: the final observation repeats the last frame that
    was seen, one step old, because the value of a truncated episode is estimated from it.
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": 35}  # noqa: RUF012 (Gymnasium's way)

    def __init__(
        self,
        spec: DoomSpec,
        options: DoomOptions | None = None,
        *,
        frameskip: int = 4,
        channels_first: bool = True,
        fps: float = 35,
        render_mode: str | None = None,
    ) -> None:
        """`fps` is the speed of the "human" window in tics per second; 0 does not wait."""
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode={render_mode!r} must be None or one of {self.metadata['render_modes']}")
        if frameskip < 1:
            raise ValueError(f"--env_frameskip={frameskip} must be at least 1")
        self.metadata = {**self.metadata, "render_fps": (fps or 35) / frameskip}
        self.render_mode = render_mode
        self.frames_per_step = frameskip
        self._spec = spec
        self._options = options or DoomOptions()
        self._channels_first = channels_first
        self._tic_sec = 1 / fps if fps and render_mode == "human" else 0.0
        self._next_tic_at = 0.0
        self._size = (self._options.res_w, self._options.res_h)
        self._row_shape = (self._options.res_h, self._options.res_w, 3)
        self._table = action_table(spec.actions)
        self._shaping = HealthGainReward() if spec.rewards_health_gain else None
        self._game: RunningGame | None = None
        self._screen: np.ndarray | None = None
        self._episode_return = 0.0  # without shaping
        self.action_space = copy.deepcopy(self._table.space)  # the table is shared, a space has a random state
        shape = (3, *self._row_shape[:2]) if channels_first else self._row_shape
        self.observation_space = gym.spaces.Box(0, 255, shape, np.uint8)

    @property
    def instance_id(self) -> str | None:
        """Names the game's shared-memory objects; None while no game runs."""
        return self._game.instance_id if self._game else None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; the same episodes follow the same seed. Each seed starts a new engine (0.15 s)."""
        row = np.empty(self._row_shape, np.uint8)
        info = self.reset_into(seed, {"obs": row})
        return self._declared(row), info

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Press the action's buttons for `frames_per_step` tics."""
        row = np.empty(self._row_shape, np.uint8)
        reward, terminated, truncated, info = self.step_into(action, {"obs": row})
        return self._declared(row), reward, terminated, truncated, info

    def reset_into(self, seed: int | None, out: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """`reset`, writing the frame into `out["obs"]`, a C-contiguous uint8 array [height, width, 3]."""
        row = out["obs"]
        # OpenCV silently allocates a new array when it cannot write into the given one.
        assert row.shape == self._row_shape and row.dtype == np.uint8 and row.flags.c_contiguous
        super().reset(seed=seed)
        self._start_episode(reseed=seed is not None)
        self._episode_return = 0.0
        if self._shaping:
            self._shaping.start(self._health())
        self._write_frame(row)
        return {}

    # hot path
    def step_into(self, action: Any, out: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict[str, Any]]:
        """`step`, writing the frame like `reset_into`. `info` is empty but at an episode's end."""
        assert self._game is not None, "reset the environment first"
        game = self._game.api
        buttons = self._table.row(action)
        reward = self._make_action_slowly(buttons) if self._tic_sec else game.make_action(buttons, self.frames_per_step)
        if self._shaping is not None:
            self._episode_return += reward
            reward += self._shaping.step(self._health())
        ended = self._write_frame(out["obs"])
        reward *= self._spec.reward_scale
        if not ended:
            return reward, False, False, {}
        # A scenario that ends itself (goal reached, monster killed) is neither dead nor out of time: it has no future.
        truncated = game.is_episode_timeout_reached() and not game.is_player_dead()
        return reward, not truncated, truncated, self._final_info()

    def render(self) -> np.ndarray | None:
        """A copy of the frame as the game drew it, before resizing; None when a window shows it."""
        if self.render_mode != "rgb_array" or self._screen is None:
            return None
        return np.array(self._screen)

    def close(self) -> None:
        """End the game; may be called any number of times, in any state."""
        game, self._game = self._game, None
        if game is not None:
            stop_game(game)

    def _start_episode(self, reseed: bool) -> None:
        # Re-seeding a running engine leaves the random face in the HUD as it is; a crashed one begins no episode.
        if reseed or (self._game is not None and not self._game.api.is_running()):
            self.close()
        if self._game is None:
            cv2.setNumThreads(0)  # frames are tiny: a thread pool per worker only costs
            self._game = start_game(
                self._spec,
                self._table.buttons,
                seed=self._engine_seed(),
                wide_aspect_ratio=self._options.wide_aspect_ratio,
                window=self.render_mode == "human",
            )
        else:
            self._game.api.new_episode()

    def _engine_seed(self) -> int:
        return int(self.np_random.integers(2**31))

    def _write_frame(self, row: np.ndarray) -> bool:
        """Write the newest frame; returns whether the episode is over."""
        assert self._game is not None
        state = self._game.api.get_state()
        if state is not None:
            self._screen = state.screen_buffer  # owned by Python: stays as it is
        # Into the row itself: 9 us, where resizing channel-first planes through a transposed view takes 75 us.
        cv2.resize(self._screen, self._size, row, 0, 0, cv2.INTER_NEAREST)
        return state is None

    def _health(self) -> float:
        assert self._game is not None
        return float(self._game.api.get_game_variable(vizdoom.GameVariable.HEALTH))

    def _final_info(self) -> dict[str, Any]:
        return {} if self._shaping is None else {"true_objective": self._episode_return}

    def _declared(self, row: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(row.transpose(2, 0, 1)) if self._channels_first else row

    def _make_action_slowly(self, buttons: list[float]) -> float:
        """The same as one action of `frames_per_step` tics, at the speed at which people play."""
        assert self._game is not None
        reward = 0.0
        for _ in range(self.frames_per_step):
            time.sleep(max(0.0, self._next_tic_at - time.monotonic()))
            self._next_tic_at = time.monotonic() + self._tic_sec
            reward += self._game.api.make_action(buttons, 1)
            if self._game.api.is_episode_finished():
                break
        return reward
