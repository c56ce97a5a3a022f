"""A person, or random buttons in place of one, playing alone or in a match of others. Knows no command line."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import vizdoom

from sample_factory.envs.doom.actions import action_table
from sample_factory.envs.doom.bots import BotDifficulty
from sample_factory.envs.doom.game import GameSetup, RunningGame, start_game, start_games, stop_game
from sample_factory.envs.doom.lockstep import MatchFrozenError, Together
from sample_factory.envs.doom.network import free_port, host_arguments, lineup, person_arguments
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.player import Player, match_statistics
from sample_factory.envs.doom.scenarios import find_scenario
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.doom.watch import end_process

_TIC_SEC, _LEAVE_SEC = 10.0, 5.0
_JOIN_SEC = 300.0
_NEW_MATCH_SEC = 60.0


class PlayedEpisode(NamedTuple):
    """What came of an episode."""

    total_reward: float
    """As an agent would be paid that decides in every tic."""
    score: float
    """The game's own rewards."""
    num_tics: int
    statistics: dict[str, float]
    """Of a match."""


class Person:
    """One player with an engine of its own, whose window reads the keyboard.

    Args:
        join: HOST:PORT of a match that waits for people; None plays alone, with bots where the environment has them.
        window: False presses random buttons instead, without a window.
        resolution: size of the window.
    """

    def __init__(
        self,
        spec: DoomSpec,
        options: DoomOptions,
        *,
        join: str | None = None,
        window: bool = True,
        resolution: str | None = None,
        seed: int = 0,
    ) -> None:
        self._spec, self._options, self._join, self._window = spec, options, join, window
        self._resolution = resolution
        self._rng = np.random.default_rng(seed)
        self._scenario = find_scenario(spec, options)
        self._table = action_table(spec.actions)
        self._space = copy.deepcopy(self._table.space)
        self._space.seed(seed)
        self._player = Player(spec, options)
        self._rows = self._player.new_rows()
        self._bots = BotDifficulty(options.start_bot_difficulty)
        self._game: RunningGame | None = None
        self._together: Together | None = None

    def play_episode(self, stopping: Callable[[], bool]) -> PlayedEpisode | None:
        """Play to the end of an episode; None if `stopping` said so before, or the window or the match was closed."""
        try:
            return self._play(self._begin(), stopping)
        except (vizdoom.ViZDoomUnexpectedExitException, vizdoom.ViZDoomErrorException, MatchFrozenError):
            return None

    def close(self) -> None:
        """Leave; may be called twice."""
        game, self._game = self._game, None
        together, self._together = self._together, None
        if game is not None:
            self._leave(game, together)
        if together is not None:
            together.close()

    def _leave(self, game: RunningGame, together: Together | None) -> None:
        if together is None:
            stop_game(game)
            return
        # An engine that says goodbye lets the others play on; one that is killed lets them wait. If the others are gone
        # it waits for them itself, and the library for it, until it is killed.
        try:
            together.run([game.api.close], _LEAVE_SEC)
        except MatchFrozenError:
            game.kill_engine()
            with contextlib.suppress(MatchFrozenError):
                together.run([lambda: None], _LEAVE_SEC)
                return
            end_process("the others are gone")

    def _begin(self) -> vizdoom.DoomGame:
        if self._game is None:
            game = self._game = self._start()
        else:
            game = self._game
            if self._join is None and self._scenario.num_maps > 1:
                game.api.set_doom_map(self._scenario.map_name(self._draw_map()))
            self._call(game.api.new_episode, _NEW_MATCH_SEC)
        if self._spec.match is not None and self._join is None:
            self._add_bots(game.api)
        self._player.start(game.api, self._rows)
        return game.api

    def _start(self) -> RunningGame:
        spec, options = self._spec, self._options
        arguments = ""
        if self._join is not None:
            arguments = person_arguments(self._join)
            self._together = Together(1)
        elif spec.match is not None:
            arguments = host_arguments(spec.match, options, 1, free_port())
        setup = GameSetup(
            spec,
            options,
            self._scenario,
            self._table.buttons,
            self._player.variable_names,
            self._window,
            self._mode(),
            self._resolution if self._window else None,
        )
        seed = int(self._rng.integers(2**31))
        if self._together is None:
            return start_game(setup, seed=seed, map_index=self._draw_map(), game_args=arguments)
        (game,) = start_games([setup], seeds=[seed], map_index=0, game_args=[arguments], init=self._join_match)
        return game

    def _join_match(self, apis: list[vizdoom.DoomGame]) -> None:
        try:
            self._call(apis[0].init, _JOIN_SEC)
        except MatchFrozenError:
            # An engine that is killed while it starts crashes the interpreter.
            end_process(f"error: no match answers at {self._join}, or it still waits for others after {_JOIN_SEC:g} s")

    def _mode(self) -> vizdoom.Mode:
        # In a match the engine keeps time by itself; alone every tic is seen, so that rewards are an agent's.
        if self._join is not None:
            return vizdoom.Mode.ASYNC_SPECTATOR if self._window else vizdoom.Mode.ASYNC_PLAYER
        return vizdoom.Mode.SPECTATOR if self._window else vizdoom.Mode.PLAYER

    def _play(self, game: vizdoom.DoomGame, stopping: Callable[[], bool]) -> PlayedEpisode | None:
        total_reward, started, tics = 0.0, game.get_episode_time(), 0
        ended = False
        while not ended:
            if stopping() or (self._join is not None and _is_alone(game)):
                return None
            reward = self._call(partial(self._tic, game), _TIC_SEC)
            ended = game.is_episode_finished()
            tics = tics if ended else game.get_episode_time() - started
            total_reward += self._player.step(game, reward, ended, self._rows)
        statistics = {} if self._spec.match is None else self._statistics()
        return PlayedEpisode(total_reward, self._player.score, tics + 1, statistics)

    def _tic(self, game: vizdoom.DoomGame) -> float:
        if not self._window:
            game.set_action(self._table.row(self._space.sample()))
        game.advance_action(1)
        return game.get_last_reward()

    def _call(self, call: Callable[[], Any], timeout_sec: float) -> Any:
        """In a match of others the library waits for ever when they are gone."""
        return call() if self._together is None else self._together.run([call], timeout_sec)[0]

    def _add_bots(self, game: vizdoom.DoomGame) -> None:
        assert self._spec.match is not None
        num_bots = lineup(self._spec, self._spec.match, self._options).num_bots
        for command in self._bots.commands(num_bots, self._rng):
            game.send_game_command(command)

    def _statistics(self) -> dict[str, float]:
        statistics: dict[str, float] = match_statistics(self._player, self._spec.objective)["episode_extra_stats"]
        return statistics

    def _draw_map(self) -> int:
        return int(self._rng.integers(self._scenario.num_maps))


def _is_alone(game: vizdoom.DoomGame) -> bool:
    """Whether the others have left the match."""
    return game.get_game_variable(vizdoom.GameVariable.PLAYER_COUNT) < 2
