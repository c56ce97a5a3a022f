"""Starts and ends VizDoom engines so that nothing of them outlives their owner. Knows no observation and no shaping.

The engine is a child process. Left alone it survives a killed parent, obeys and writes configuration files in the
current directory, and its library waits for ever if it stops answering.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import vizdoom

from sample_factory.envs.doom.bots import bots_file
from sample_factory.envs.doom.network import timelimit_min
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenarios import Scenario
from sample_factory.envs.doom.shared_memory import engine_instance, engine_processes, sweep
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.doom.watch import WATCH

TICS_PER_SEC = 35
_PACKAGE = Path(vizdoom.__file__).parent


@dataclass(eq=False)
class RunningGame:
    """A game and the process that runs it."""

    api: vizdoom.DoomGame
    instance_id: str
    """Names the game's shared-memory objects."""
    engine_pid: int | None
    """None where processes cannot be listed."""
    calls: int = 0
    """See `WatchedGame`."""

    def engine_is_running(self) -> bool:
        """Whether the process of the engine is there; also where that cannot be known."""
        # The process may have ended and its number gone to another one.
        return self.engine_pid is None or engine_instance(self.engine_pid) == self.instance_id

    def lower_priority(self, niceness: int) -> None:
        """Let the engine get less of a core that others want, too."""
        if self.engine_pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.setpriority(os.PRIO_PROCESS, self.engine_pid, os.getpriority(os.PRIO_PROCESS, 0) + niceness)

    def kill_engine(self) -> None:
        """End the engine at once, if it is there."""
        if self.engine_pid is not None and self.engine_is_running():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.engine_pid, signal.SIGKILL)


class GameSetup(NamedTuple):
    """What one player's engine is started with."""

    spec: DoomSpec
    options: DoomOptions
    scenario: Scenario
    buttons: Sequence[str]
    variables: Sequence[str] = ()
    """Game variables that come with every frame, in this order."""
    window: bool = False
    mode: vizdoom.Mode = vizdoom.Mode.PLAYER
    resolution: str | None = None
    """Such as "640x480", for people; None: as the options say."""


def start_game(setup: GameSetup, *, seed: int, map_index: int = 0, game_args: str = "") -> RunningGame:
    """Start an engine and its first episode; takes about 0.15 s. The engine inherits this thread's CPU affinity.

    Changes the current directory for the time of the call.
    """
    (game,) = start_games(
        [setup], seeds=[seed], map_index=map_index, game_args=[game_args], init=lambda apis: apis[0].init()
    )
    WATCH.add(game)
    return game


def start_games(
    setups: Sequence[GameSetup],
    *,
    seeds: Sequence[int],
    map_index: int,
    game_args: Sequence[str],
    init: Callable[[list[vizdoom.DoomGame]], Any],
) -> list[RunningGame]:
    """Start several engines; `init` is given all games and initialises them, together if they wait for each other."""
    if any(setup.window for setup in setups) and not has_display():
        raise ValueError("a Doom window needs a display: neither DISPLAY nor WAYLAND_DISPLAY is set")
    # The engine reads its files at the start and is killed before it would write any: the folder can go at once.
    with tempfile.TemporaryDirectory(prefix="sample_factory_doom_", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        bots = folder / "bots.cfg"
        bots.write_text(bots_file())
        command = _engine_command(folder)
        apis = []
        for i, (setup, seed, args) in enumerate(zip(setups, seeds, game_args, strict=True)):
            api = vizdoom.DoomGame()
            _set_rules(api, setup, map_index, folder)
            _set_rendering(api, setup)
            for setting, value in setup.spec.engine_settings:
                getattr(api, f"set_{setting}")(value)
            api.set_seed(seed)
            api.set_vizdoom_path(command)
            api.set_doom_config_path(str(folder / f"engine_{i}.ini"))
            if args:
                api.add_game_args(f"{args} +viz_bots_path {bots}")
            apis.append(api)
        # A _vizdoom.cfg in the current directory would silently override all settings.
        with _working_directory(name):
            try:
                init(apis)
            except Exception:
                _kill_engines(apis)  # those that have started wait for the others
                raise
    return [_running(api) for api in apis]


def _kill_engines(apis: Sequence[vizdoom.DoomGame]) -> None:
    engines = engine_processes()
    for api in apis:
        if (pid := engines.get(api.get_instance_id())) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def has_display() -> bool:
    """Whether a window can be opened."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _running(api: vizdoom.DoomGame) -> RunningGame:
    instance_id = api.get_instance_id()
    return RunningGame(api, instance_id, engine_processes().get(instance_id))


def stop_game(game: RunningGame) -> None:
    """End the engine and remove its shared memory.

    Kills first: `close` waits for ever (with the interpreter locked) for an engine that does not answer, but returns at
    once when there is none.
    """
    WATCH.remove(game)
    game.kill_engine()
    game.api.close()


def abandon_game(game: RunningGame) -> None:
    """End the engine of a game that another thread still waits for, and remove its shared memory; leave the game alone.

    The thread holds on to the game, so that it is not destroyed either.
    """
    WATCH.remove(game)
    game.kill_engine()
    sweep([game.instance_id])


def _set_rules(api: vizdoom.DoomGame, setup: GameSetup, map_index: int, folder: Path) -> None:
    spec = setup.spec
    # Explicit paths: files of these names in the current directory would come first.
    api.set_doom_game_path(str(_PACKAGE / "freedoom2.wad"))
    api.set_doom_scenario_path(str(setup.scenario.path(folder)))
    api.set_doom_map(setup.scenario.map_name(map_index))
    api.set_doom_skill(spec.skill)
    api.set_episode_start_time(spec.start_tic)
    api.set_episode_timeout(timeout_tics(spec, setup.options))
    api.set_living_reward(spec.living_reward)
    api.set_death_penalty(spec.death_penalty)
    api.set_available_buttons([getattr(vizdoom.Button, name) for name in setup.buttons])
    api.set_available_game_variables([getattr(vizdoom.GameVariable, name) for name in setup.variables])
    api.set_mode(setup.mode)
    if spec.game_args:
        api.add_game_args(spec.game_args)


def timeout_tics(spec: DoomSpec, options: DoomOptions) -> int:
    """Tics until an episode is cut; 0 means never."""
    if spec.match is None:
        return spec.timeout_tics
    return round(60 * TICS_PER_SEC * timelimit_min(spec.match, options))


def _set_rendering(api: vizdoom.DoomGame, setup: GameSetup) -> None:
    spec = setup.spec
    size = setup.resolution or ("256x144" if setup.options.wide_aspect_ratio else "160x120")
    api.set_screen_resolution(screen_resolution(size))
    api.set_screen_format(vizdoom.ScreenFormat.RGB24)  # height-width-channel: resized straight into stored rows
    api.set_render_hud(spec.hud)
    api.set_render_weapon(spec.weapon)
    api.set_render_crosshair(spec.crosshair)
    api.set_render_screen_flashes(spec.screen_flashes)
    api.set_render_decals(False)
    api.set_render_particles(False)
    api.set_window_visible(setup.window)
    api.set_sound_enabled(False)


def screen_resolution(size: str) -> vizdoom.ScreenResolution:
    """The engine's name of a size such as "640x480".

    Raises:
        ValueError: it cannot draw frames of that size.
    """
    names = vizdoom.ScreenResolution.__members__
    if (name := f"RES_{size.upper()}") not in names:
        sizes = ", ".join(known.removeprefix("RES_").lower() for known in names)
        raise ValueError(f"Doom cannot be drawn with {size} pixels; possible are {sizes}")
    return names[name]


def _engine_command(folder: Path) -> str:
    """Path of a program that runs the engine and dies with this process; the bare engine if there is no such way."""
    engine = _PACKAGE / "vizdoom"
    setpriv = _setpriv()
    if setpriv is None:
        return str(engine)
    launcher = folder / "launcher"
    launcher.write_text(
        f'#!/bin/sh\nexec {shlex.quote(setpriv)} --pdeathsig KILL -- {shlex.quote(str(engine))} "$@" >/dev/null 2>&1\n'
    )
    launcher.chmod(0o700)
    return str(launcher) if os.access(launcher, os.X_OK) else str(engine)  # not executable: mounted noexec


@functools.cache
def _setpriv() -> str | None:
    """Path of util-linux's setpriv, if it can bind a child's life to its parent's.

    Tried out here, because Python crashes when the engine fails to start.
    """
    path = shutil.which("setpriv")
    if path is None:
        return None
    probe = subprocess.run([path, "--pdeathsig", "KILL", "--", "true"], capture_output=True, check=False)
    return path if probe.returncode == 0 else None


@contextlib.contextmanager
def _working_directory(folder: str) -> Iterator[None]:
    before = os.open(".", os.O_RDONLY)  # not by name: it may have been moved or deleted
    try:
        os.chdir(folder)
        yield
    finally:
        os.fchdir(before)
        os.close(before)
