"""Doom for several agents who play against each other. Knows no command line."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import cv2
import numpy as np
import vizdoom
from gymnasium.vector import AutoresetMode

from sample_factory.envs.doom.actions import action_table
from sample_factory.envs.doom.bots import BotDifficulty
from sample_factory.envs.doom.game import TICS_PER_SEC, GameSetup, RunningGame, abandon_game, start_games, stop_game
from sample_factory.envs.doom.lockstep import MatchFrozenError, Together
from sample_factory.envs.doom.network import (
    WAIT_FOR_PEOPLE_SEC,
    free_port,
    host_arguments,
    invitation,
    join_arguments,
    lineup,
)
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.overlay import player_overlay
from sample_factory.envs.doom.player import Player, declared, match_statistics, observation_space
from sample_factory.envs.doom.scenarios import find_scenario
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.doom.watch import end_process
from sample_factory.system.pace import Pace

_START_SEC = 30.0
_BETWEEN_STARTS_SEC = 0.1
"""Engines that start in the same instant crash the interpreter."""
_JOINING_NICENESS = 5
"""Engines that join wait for the host without sleeping; on the core that they share it is the host that must go on."""
_LEAVE_SEC = 5.0
_KILLED_SEC = 2.0
"""Until a call whose engine has been killed has noticed, or never will."""
_TIC_SEC = 20.0
"""A tic takes a millisecond; on a machine that is busy with something else, some more."""


class DoomMatch:
    """A multi-agent environment (lists in, lists out): one engine for each agent, and bots without.

    All agents begin and end together. The step after the last one starts the next match. Matches do not repeat with a
    seed: the engines talk over the network.
    """

    is_multiagent = True
    metadata: dict[str, Any] = {  # noqa: RUF012
        "autoreset_mode": AutoresetMode.NEXT_STEP,
        "render_modes": ["rgb_array", "human"],
        "render_fps": TICS_PER_SEC,
    }
    nondeterministic = True

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
        """`fps` is the speed, in tics per second, where there is somebody to see it; 0 does not wait."""
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode={render_mode!r} must be None or one of {self.metadata['render_modes']}")
        if frameskip < 1:
            raise ValueError(f"--env_frameskip={frameskip} must be at least 1")
        assert spec.match is not None
        options = options or DoomOptions()
        self._spec, self._options, self._match = spec, options, spec.match
        self._lineup = lineup(spec, spec.match, options)
        self._channels_first = channels_first
        self.render_mode = render_mode
        self.metadata = {**self.metadata, "render_fps": (fps or TICS_PER_SEC) / frameskip}
        # People play at the speed of the game and no other.
        self._pace = Pace(TICS_PER_SEC if self._lineup.num_humans else fps if render_mode == "human" else 0)
        self.frames_per_step = frameskip
        self.num_agents = self._lineup.num_agents
        self._table = action_table(spec.actions)
        self._scenario = find_scenario(spec, options)
        self._players = [Player(spec, options) for _ in range(self.num_agents)]
        self._bots = BotDifficulty(options.start_bot_difficulty)
        self._games: list[RunningGame] = []
        self._together: Together | None = None
        self._rng = np.random.default_rng()
        self._ended = False
        self.action_space = copy.deepcopy(self._table.space)
        self.observation_space = observation_space(spec, options, channels_first)

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
        """The table of extra rewards of the first agent; None if there are none."""
        return self._players[0].reward_shaping

    def set_reward_shaping(self, reward_shaping: Mapping[str, Any], agent: int) -> None:
        """Pay one agent by another table from now on."""
        self._players[agent].set_reward_shaping(reward_shaping)

    def reset(self, *, seed: int | None = None) -> tuple[list[Any], list[dict[str, Any]]]:
        """Start a match; a seed starts new engines (1 s)."""
        if seed is not None:
            self._rng = np.random.default_rng(seed)
            self.close()
        self._ended = False
        self._begin()
        observations = []
        for player, game in zip(self._players, self._games, strict=True):
            rows = player.new_rows()
            player.start(game.api, rows)
            observations.append(declared(rows, self._channels_first))
        return observations, [{} for _ in self._players]

    # hot path
    def step(
        self, actions: Sequence[Any]
    ) -> tuple[list[Any], list[float], list[bool], list[bool], list[dict[str, Any]]]:
        """Press every agent's buttons for `frames_per_step` tics, or begin a new match if the last one has ended."""
        none = [False] * self.num_agents
        if self._ended:
            observations, _ = self.reset()
            return observations, [0.0] * self.num_agents, none, none, [{"is_reset": True} for _ in self._players]
        assert self._games, "reset the environment first"
        earned, self._ended = self._advance([self._table.row(action) for action in actions])
        rewards, observations = [], []
        for player, game, reward in zip(self._players, self._games, earned, strict=True):
            rows = player.new_rows()
            rewards.append(player.step(game.api, reward, self._ended, rows))
            observations.append(declared(rows, self._channels_first))
        if not self._ended:
            return observations, rewards, none, none, [{} for _ in self._players]
        # A match is cut by the clock; its standing is what counts, so the agents learn as if it went on.
        return observations, rewards, none, [True] * self.num_agents, self._final_infos()

    def render(self) -> np.ndarray | None:
        """What all agents see, side by side."""
        screens = [player.screen for player in self._players]
        if self.render_mode != "rgb_array" or any(screen is None for screen in screens):
            return None
        return np.concatenate([screen for screen in screens if screen is not None], axis=1)

    def overlay(self) -> list[dict[str, str]]:
        """What is written under the frames of a video about each agent."""
        return [player_overlay(game.api, self._spec, self._table.buttons) for game in self._games]

    def close(self) -> None:
        """End all games; may be called any number of times, in any state."""
        games, self._games = self._games, []
        together, self._together = self._together, None
        if self._lineup.num_humans and together is not None and len(games) == self.num_agents:
            with contextlib.suppress(MatchFrozenError):  # engines that say goodbye let people play on
                together.run([game.api.close for game in games], _LEAVE_SEC)
        for game in games:  # all at once: one that is left waits for the others
            game.kill_engine()
        # A call that is still under way would crash the interpreter if its game was closed beside it.
        stuck = frozenset() if together is None else together.unfinished(_KILLED_SEC)
        for player, game in enumerate(games):
            if player in stuck:
                abandon_game(game)
            else:
                stop_game(game)
        if together is not None:
            together.close()

    # hot path
    def _advance(self, buttons: list[list[float]]) -> tuple[list[float], bool]:
        """The rewards of `frames_per_step` tics, each of which all players take together; whether the match ended."""
        assert self._together is not None
        apis = [game.api for game in self._games]
        earned = [0.0] * len(apis)
        for tic in range(self.frames_per_step):
            self._pace.wait()
            is_last = tic == self.frames_per_step - 1
            calls = [_Tic(api, row, is_last) for api, row in zip(apis, buttons, strict=True)]
            for i, (reward, _) in enumerate(outcomes := self._together.run(calls, _TIC_SEC)):
                earned[i] += reward
            if any(finished for _, finished in outcomes):
                return earned, True
        return earned, False

    def _begin(self) -> None:
        if self._games and not all(game.api.is_running() for game in self._games):
            self.close()
        if not self._games:
            self._start()
        else:
            assert self._together is not None
            self._together.run([game.api.new_episode for game in self._games], _START_SEC)
        for command in self._bots.commands(self._lineup.num_bots, self._rng):
            self._games[0].api.send_game_command(command)

    def _start(self) -> None:
        cv2.setNumThreads(0)
        port = free_port()
        count = self._lineup.num_engines
        arguments = [host_arguments(self._match, self._options, count, port)]
        arguments += [join_arguments(player, self._options, port) for player in range(1, self.num_agents)]
        names, window = self._players[0].variable_names, self.render_mode == "human"
        setup = GameSetup(self._spec, self._options, self._scenario, self._table.buttons, names, window)
        together = self._together = Together(self.num_agents)
        num_humans = self._lineup.num_humans
        if num_humans:
            print(invitation(self._spec, self._options, port), flush=True)

        def init(apis: list[vizdoom.DoomGame]) -> None:
            try:
                calls = [partial(_init_later, api, _BETWEEN_STARTS_SEC * i) for i, api in enumerate(apis)]
                together.run(calls, WAIT_FOR_PEOPLE_SEC if num_humans else _START_SEC)
            except MatchFrozenError:
                # Engines that are killed while they start crash the interpreter.
                if num_humans:
                    end_process(f"error: nobody joined in {WAIT_FOR_PEOPLE_SEC // 60} minutes")
                raise

        self._games = start_games(
            [setup] * self.num_agents,
            seeds=self._rng.integers(2**31, size=self.num_agents).tolist(),
            map_index=int(self._rng.integers(self._scenario.num_maps)),
            game_args=arguments,
            init=init,
        )
        for game in self._games[1:]:
            game.lower_priority(_JOINING_NICENESS)

    def _final_infos(self) -> list[dict[str, Any]]:
        infos = [match_statistics(player, self._spec.objective) for player in self._players]
        if self._lineup.num_bots:
            for info in infos:
                info["episode_extra_stats"]["bot_difficulty"] = self._bots.mean
            self._bots.update(self._players[0].frags(), self._players[0].number)
        return infos


def _init_later(api: vizdoom.DoomGame, delay_sec: float) -> None:
    time.sleep(delay_sec)
    api.init()


class _Tic:
    """One tic of one player, for its thread."""

    __slots__ = ("api", "buttons", "is_last")

    def __init__(self, api: vizdoom.DoomGame, buttons: list[float], is_last: bool) -> None:
        self.api, self.buttons, self.is_last = api, buttons, is_last

    # hot path
    def __call__(self) -> tuple[float, bool]:
        api = self.api
        api.set_action(self.buttons)
        api.advance_action(1, self.is_last)
        return api.get_last_reward(), api.is_episode_finished()
