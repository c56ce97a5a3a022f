"""Plays a recorded episode again, with the rewards that it had. Knows no command line and no video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import vizdoom

from sample_factory.envs.doom.actions import action_table
from sample_factory.envs.doom.demos import Demo, scenario_sha256
from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.game import GameSetup, start_game, stop_game
from sample_factory.envs.doom.player import Player
from sample_factory.envs.doom.scenarios import find_scenario
from sample_factory.system.pace import Pace


class Outcome(NamedTuple):
    """What came of an episode."""

    total_reward: float
    num_steps: int


def replay(
    lmp: Path,
    env: DoomEnv,
    demo: Demo | None = None,
    *,
    resolution: str | None = None,
    window: bool = False,
    fps: float = 0.0,
    show: Callable[[np.ndarray], None] = lambda frame: None,
) -> Outcome:
    """Play a recording from its first tic to its last.

    Args:
        env: says with which rules; it is neither started nor closed.
        demo: what is known of the recording.
        fps: tics per second; 0 does not wait.
        show: is given every frame, uint8 [height, width, 3].

    Raises:
        ValueError: the recording is of another scenario.
    """
    spec, options = env.doom_spec, env.doom_options
    scenario = find_scenario(spec, options)
    if demo is not None and demo.scenario_sha256 != scenario_sha256(scenario):
        raise ValueError(f"{lmp} was recorded with another version of the scenario {scenario.name!r}")
    player = Player(spec, options)
    if demo is not None and demo.reward_shaping is not None:
        player.set_reward_shaping(demo.reward_shaping)
    buttons = action_table(spec.actions).buttons
    setup = GameSetup(spec, options, scenario, buttons, player.variable_names, window, resolution=resolution)
    game = start_game(setup, seed=0)
    try:
        game.api.replay_episode(str(lmp.resolve()))
        return _play(game.api, player, env.frames_per_step, fps, show)
    finally:
        stop_game(game)


def _play(
    game: vizdoom.DoomGame, player: Player, frameskip: int, fps: float, show: Callable[[np.ndarray], None]
) -> Outcome:
    rows = player.new_rows()
    player.start(game, rows)
    total_reward, earned, tics, num_steps, pace = 0.0, 0.0, 0, 0, Pace(fps)
    ended = game.is_episode_finished()
    while not ended:
        state = game.get_state()
        assert state is not None
        show(state.screen_buffer)
        pace.wait()
        game.advance_action(1)
        tics += 1
        earned += game.get_last_reward()
        ended = game.is_episode_finished()
        if ended or tics % frameskip == 0:
            total_reward += player.step(game, earned, ended, rows)
            earned = 0.0
            num_steps += 1
    return Outcome(total_reward, num_steps)
