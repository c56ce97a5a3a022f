"""Runs scenarios of our own in the real engine, for tests."""

import contextlib
from unittest import mock

import numpy as np
import vizdoom

import sample_factory.envs.doom.game as game_module
from sample_factory.envs.doom.actions import ButtonChoice, DiscretizedDelta, action_table
from sample_factory.envs.doom.game import GameSetup, start_game, stop_game
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenario import scenario_wad
from sample_factory.envs.doom.scenarios import Scenario
from sample_factory.envs.doom.specs import DoomSpec

ACTIONS = (
    ButtonChoice(("MOVE_FORWARD", "MOVE_BACKWARD")),
    ButtonChoice(("MOVE_RIGHT", "MOVE_LEFT")),
    ButtonChoice(("ATTACK",)),
    ButtonChoice(("SPEED",)),
    DiscretizedDelta("TURN_LEFT_RIGHT_DELTA", 11, -10, 10),
)
TABLE = action_table(ACTIONS)
IDLE = [0.0] * len(TABLE.buttons)
START_TIC = 14
_OPTIONS = DoomOptions()


@contextlib.contextmanager
def running(folder, name, *, map_seed=0, num_maps=1, engine_seed=1, game_args="", lists_things=True, **rules):
    """A game of this scenario."""
    path = folder / f"{name}.wad"
    path.write_bytes(scenario_wad(name, map_seed, num_maps))
    settings = {"timeout_tics": 2100, "start_tic": START_TIC, "skill": 2, "game_args": game_args, **rules}
    spec = DoomSpec(f"doom_{name}", str(path), ACTIONS, **settings)
    with mock.patch.object(game_module, "_set_rendering", _with_objects if lists_things else _set_rendering):
        scenario = Scenario(name, path, b"", num_maps)
        game = start_game(GameSetup(spec, _OPTIONS, scenario, TABLE.buttons), seed=engine_seed)
    try:
        yield game.api
    finally:
        stop_game(game)


_set_rendering = game_module._set_rendering


def _with_objects(api, *args):
    """The list of things costs time and is off in training; it can be switched on only before the start."""
    _set_rendering(api, *args)
    api.set_objects_info_enabled(True)


def random_steps(api, count, rng, each_step=None):
    """Up to `count` random actions of 4 tics; fewer if the episode ends."""
    for _ in range(count):
        if api.is_episode_finished():
            return
        api.make_action(TABLE.row([rng.integers(size) for size in TABLE.sizes]), 4)
        if each_step is not None:
            each_step()


def variable(api, name):
    """Value of a game variable."""
    return api.get_game_variable(getattr(vizdoom.GameVariable, name))


def place(api):
    """Where the player is."""
    return variable(api, "POSITION_X"), variable(api, "POSITION_Y")


def generator(seed=0):
    """Random actions."""
    return np.random.default_rng(seed)
