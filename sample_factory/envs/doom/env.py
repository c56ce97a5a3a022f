"""Doom for one agent as a Gymnasium environment that can write its frames in place. Knows no command line."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import gymnasium as gym
import numpy as np

from sample_factory.envs.doom.actions import action_table
from sample_factory.envs.doom.bots import BotDifficulty
from sample_factory.envs.doom.demos import Demo, DemoRecorder, scenario_sha256
from sample_factory.envs.doom.game import TICS_PER_SEC, GameSetup, RunningGame, start_game, stop_game
from sample_factory.envs.doom.network import free_port, host_arguments, lineup
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.overlay import player_overlay
from sample_factory.envs.doom.player import Player, declared, match_statistics, observation_space
from sample_factory.envs.doom.scenarios import find_scenario
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.system.pace import Pace


class DoomEnv(gym.Env[Any, Any]):
    """One agent, alone or in a match with bots; see `RowEnv` in `sample_factory.envs.contract` for the `_into` methods.

    The engine starts at the first reset, so that it inherits the CPU affinity that its worker has by then (sharing one
    core makes it twice as fast).
    """

    metadata = {"render_modes": ["rgb_array", "human"], "render_fps": TICS_PER_SEC}  # noqa: RUF012 (Gymnasium's way)

    def __init__(
        self,
        spec: DoomSpec,
        options: DoomOptions | None = None,
        *,
        frameskip: int = 4,
        channels_first: bool = True,
        fps: float = TICS_PER_SEC,
        render_mode: str | None = None,
    ) -> None:
        """`fps` is the speed of the "human" window in tics per second; 0 does not wait."""
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode={render_mode!r} must be None or one of {self.metadata['render_modes']}")
        if frameskip < 1:
            raise ValueError(f"--env_frameskip={frameskip} must be at least 1")
        self.metadata = {**self.metadata, "render_fps": (fps or TICS_PER_SEC) / frameskip}
        self.render_mode = render_mode
        self.frames_per_step = frameskip
        options = options or DoomOptions()
        self._spec, self._options = spec, options
        self._channels_first = channels_first
        self._pace = Pace(fps) if fps and render_mode == "human" else None
        self._table = action_table(spec.actions)
        self._player = Player(spec, options)
        self._scenario = find_scenario(spec, options)
        self._lineup = None if spec.match is None else lineup(spec, spec.match, options)
        self._bots = BotDifficulty(options.start_bot_difficulty)
        self._game: RunningGame | None = None
        self._map = 0
        self._recorder: DemoRecorder | None = None
        self.nondeterministic = spec.match is not None  # the clock of a network game is that of the machine
        self.action_space = copy.deepcopy(self._table.space)  # the table is shared, a space has a random state
        self.observation_space = observation_space(spec, options, channels_first)

    @property
    def instance_id(self) -> str | None:
        """Names the game's shared-memory objects; None while no game runs."""
        return self._game.instance_id if self._game else None

    @property
    def doom_spec(self) -> DoomSpec:
        """Rules and rewards."""
        return self._spec

    @property
    def doom_options(self) -> DoomOptions:
        """What the command line can change."""
        return self._options

    @property
    def reward_shaping(self) -> dict[str, Any] | None:
        """The table of extra rewards; None if there are none."""
        return self._player.reward_shaping

    def set_reward_shaping(self, reward_shaping: Mapping[str, Any], agent: int) -> None:
        """Pay by another table from now on."""
        self._player.set_reward_shaping(reward_shaping)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode; the same episodes follow the same seed. Each seed starts a new engine (0.15 s)."""
        rows = self._player.new_rows()
        info = self.reset_into(seed, rows)
        return declared(rows, self._channels_first), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Press the action's buttons for `frames_per_step` tics."""
        rows = self._player.new_rows()
        reward, terminated, truncated, info = self.step_into(action, rows)
        return declared(rows, self._channels_first), reward, terminated, truncated, info

    def reset_into(self, seed: int | None, out: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """`reset`, writing the frame into `out["obs"]`, a C-contiguous uint8 array [height, width, 3]."""
        super().reset(seed=seed)
        game = self._start_episode(reseed=seed is not None)
        self._player.start(game.api, out)
        game.calls += 1
        return {}

    # hot path
    def step_into(self, action: Any, out: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict[str, Any]]:
        """`step`, writing the frame like `reset_into`. `info` is empty but at an episode's end."""
        assert self._game is not None, "reset the environment first"
        self._game.calls += 1
        game = self._game.api
        buttons = self._table.row(action)
        reward = self._make_action_slowly(buttons) if self._pace else game.make_action(buttons, self.frames_per_step)
        ended = game.is_episode_finished()
        reward = self._player.step(game, reward, ended, out)
        if self._recorder is not None:
            self._recorder.add(reward)
        self._game.calls += 1
        if not ended:
            return reward, False, False, {}
        # A scenario that ends itself (goal reached, monster killed) is neither dead nor out of time: it has no future.
        truncated = game.is_episode_timeout_reached() and (self._spec.match is not None or not game.is_player_dead())
        return reward, not truncated, truncated, self._final_info()

    def render(self) -> np.ndarray | None:
        """A copy of the frame as the game drew it, before resizing; None when a window shows it."""
        screen = self._player.screen
        return None if self.render_mode != "rgb_array" or screen is None else np.array(screen)

    def overlay(self) -> dict[str, str]:
        """What is written under the frames of a video."""
        return {} if self._game is None else player_overlay(self._game.api, self._spec, self._table.buttons)

    def close(self) -> None:
        """End the game; may be called any number of times, in any state."""
        game, self._game = self._game, None
        if game is None:
            return
        if self._recorder is not None:
            game.calls += 1
            self._recorder.finish(game.api)
            game.calls += 1
        stop_game(game)

    def keep_demos(self) -> None:
        """Record every episode from the next reset on, for `save_demo`; matches are not recorded."""
        if self._recorder is None and self._spec.match is None:
            self._recorder = DemoRecorder()

    def save_demo(self, path: Path) -> None:
        """Save the episode that has just ended as that .lmp file, and what is needed to replay it as a .json file.

        They are there after the next `reset` or `close`.
        """
        if self._recorder is not None:
            self._recorder.save(self._demo(), path)

    def _demo(self) -> Demo:
        assert self._game is not None and self._recorder is not None
        return Demo(
            env=self._spec.name,
            options=asdict(self._options),
            frameskip=self.frames_per_step,
            scenario_sha256=scenario_sha256(self._scenario),
            map=self._scenario.map_name(self._map),
            seed=self._game.api.get_seed(),
            reward_shaping=self._player.reward_shaping,
            total_reward=self._recorder.total_reward,
            num_steps=self._recorder.num_steps,
        )

    def _start_episode(self, reseed: bool) -> RunningGame:
        """Leaves the game within a call: its first frame has still to be read."""
        # Re-seeding a running engine leaves the random face in the HUD as it is; a crashed one begins no episode.
        if reseed or (self._game is not None and not self._game.api.is_running()):
            self.close()
        game = self._game
        if game is None:
            cv2.setNumThreads(0)  # frames are tiny: a thread pool per worker only costs
            seed, self._map = self._engine_seed(), self._draw_map()
            game = self._game = start_game(self._setup(), seed=seed, map_index=self._map, game_args=self._game_args())
            game.calls += 1
            if self._recorder is not None:
                self._recorder.restart(game.api)
        else:
            game.calls += 1
            if self._scenario.num_maps > 1:
                self._map = self._draw_map()
                game.api.set_doom_map(self._scenario.map_name(self._map))
            game.api.new_episode("" if self._recorder is None else self._recorder.begin())
        if self._recorder is not None:
            self._recorder.deliver()
        if self._lineup is not None:
            for command in self._bots.commands(self._lineup.num_bots, self.np_random):
                game.api.send_game_command(command)
        return game

    def _setup(self) -> GameSetup:
        window = self.render_mode == "human"
        names = self._player.variable_names
        return GameSetup(self._spec, self._options, self._scenario, self._table.buttons, names, window)

    def _game_args(self) -> str:
        match = self._spec.match
        if match is None or self._lineup is None:
            return ""
        assert self._lineup.num_engines == 1, "several engines are a DoomMatch"
        return host_arguments(match, self._options, 1, free_port())

    def _draw_map(self) -> int:
        return int(self.np_random.integers(self._scenario.num_maps)) if self._scenario.num_maps > 1 else 0

    def _engine_seed(self) -> int:
        return int(self.np_random.integers(2**31))

    def _final_info(self) -> dict[str, Any]:
        player, spec = self._player, self._spec
        if spec.match is None:
            info: dict[str, Any] = {}
            if spec.shaping or spec.rewards_health_gain:
                info["true_objective"] = player.score
            if spec.statistics:
                info["episode_extra_stats"] = {name.lower(): player.variables.get(name) for name in spec.statistics}
            return info
        info = match_statistics(player, spec.objective)
        info["episode_extra_stats"]["bot_difficulty"] = self._bots.mean
        if self._lineup is not None and self._lineup.num_bots:
            self._bots.update(player.frags(), player.number)
        return info

    def _make_action_slowly(self, buttons: list[float]) -> float:
        """The same as one action of `frames_per_step` tics, at the speed at which people play."""
        assert self._game is not None and self._pace is not None
        reward = 0.0
        for _ in range(self.frames_per_step):
            self._pace.wait()
            reward += self._game.api.make_action(buttons, 1)
            if self._game.api.is_episode_finished():
                break
        return reward
