"""A program that starts one level for a moment: `...engine_trial ENGINE WAD MAP SECONDS ARGUMENTS`. Explains nothing.

The library crashes the interpreter when the engine cannot start, so this must be a process that nobody needs. Run in a
folder of its own: the engine obeys files in the current directory, and writes there.
"""

from __future__ import annotations

import resource
import signal
import sys
from pathlib import Path

import vizdoom

_TICS = 3  # scripts of the level have run


def main(engine: str, wad: str, map_name: str, timeout_sec: str, game_args: str) -> None:
    """Runs the first tics of the level; ends with status 0 if the engine got that far."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a crash is an answer here
    signal.alarm(int(timeout_sec))  # ends this process in the middle of a call that never returns, and so the engine
    game = vizdoom.DoomGame()
    game.set_vizdoom_path(engine)
    game.set_doom_config_path("engine.ini")
    game.set_doom_game_path(str(Path(vizdoom.__file__).parent / "freedoom2.wad"))
    game.set_doom_scenario_path(wad)
    game.set_doom_map(map_name)
    game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
    game.set_window_visible(False)
    game.set_sound_enabled(False)
    game.set_console_enabled(True)  # the engine says on its standard output what it does
    if game_args:
        game.add_game_args(game_args)
    game.init()
    game.advance_action(_TICS)
    game.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
