"""The engine behind a `Lab`: a level with its settings and files, and the episode that is being played.

Knows nothing about Python's side of the interface: types of arguments, and what may be called when.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, TextIO

from deepmind_lab.layout import Layout
from deepmind_lab.levels import LEVELS, Level, MapSpec
from deepmind_lab.map_source import CompileError, MapSource
from deepmind_lab.observations import Moment, Spec, make_specs, observe
from deepmind_lab.render import Picture, Scene, make_scene, render
from deepmind_lab.settings import Settings
from deepmind_lab.switches import Switches, be_busy, read_switches
from deepmind_lab.world import FRAMES_PER_SECOND, World

_QUIET = {"NEVER", "ERROR", "WARN"}

# Like C's `rand` without `srand`: every process draws the same numbers.
_unseeded = Random(1)


class Engine:
    """One level, played episode after episode."""

    def __init__(
        self, name: str, level: Level, settings: Settings, runfiles: Path, level_cache: Any, temp_folder: str
    ) -> None:
        self._name = name.rpartition("/")[2]
        self._level = level
        self._settings = settings
        self._switches: Switches = read_switches()
        self.specs: dict[str, Spec] = make_specs(settings, level.plain, self._name.startswith("skymaze"))
        self._crashes = Random()
        self._own_folder = "" if temp_folder else _make_folder()
        self._lock = _lock_folder(temp_folder) if temp_folder else None
        self._maps = MapSource(Path(temp_folder or self._own_folder), runfiles, level_cache, self._switches)
        self._world: World | None = None
        self._scene: Scene | None = None
        self._scene_of: tuple[Layout, Mapping[str, str]] | None = None
        self._picture: Picture | None = None

    def start(self, seed: int | None) -> None:
        """Begin an episode; RuntimeError if the level cannot start, and whatever the cache has raised."""
        seed = _unseeded.randrange(2**31) if seed is None else seed
        self._check_dataset()
        random = Random(f"{seed} {self._settings.mixer_seed}")
        early_end = self._switches.early_end_probability
        try:
            world = World(self._level, random, self._map_loader(seed), self._frames(), early_end)
        except CompileError as error:
            raise RuntimeError(f'Failed to start environment - "{error}"') from None
        self._maps.raise_error_of_cache()
        self._world, self._scene_of, self._picture = world, None, None
        if self._settings.of_script("logLevel", "INFO") not in _QUIET:
            print("\n".join(world.layout.entities))

    def advance(self, action: Sequence[int], frames: int) -> tuple[int, bool]:
        """Let frames pass, fewer if the episode ends. Returns their reward and whether it goes on.

        May call the cache: what that raises comes out when the frames have passed.
        """
        world = self._playing()
        if self._switches.crash_probability and self._crashes.random() < self._switches.crash_probability:
            os._exit(1)
        if self._switches.step_microseconds:
            be_busy(self._switches.step_microseconds * 1e-6)
        reward = 0
        self._picture = None
        try:
            for _ in range(frames):
                reward += world.advance(action)
                if world.has_ended:
                    break
        except CompileError as error:
            raise ValueError(f'Failed to advance environment "{error}"') from None
        self._maps.raise_error_of_cache()
        return reward, not world.has_ended

    def observe(self, names: Sequence[str]) -> dict[str, Any]:
        """New values of these observations; the picture is drawn if one of them shows it."""
        moment = Moment(self._playing(), self._drawn)
        return {name: observe(name, self.specs[name], moment) for name in names}

    def close(self) -> None:
        """Remove the folder unless it was given."""
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def _playing(self) -> World:
        assert self._world is not None, "no episode has been started"
        return self._world

    def _map_loader(self, seed: int) -> Callable[[MapSpec], Layout]:
        """How the world gets a map: once for each name where questions follow each other, else once an episode."""

        def load(spec: MapSpec) -> Layout:
            # A generator of its own, because whether a layout is drawn depends on what has been played before.
            random = Random(f"{spec.name} {seed} {self._settings.mixer_seed}")
            return self._maps.load_once(spec, random) if spec.trial else self._maps.load(spec, random)

        return load

    def _frames(self) -> int:
        seconds: float = self._level.seconds
        if not self._level.any_setting:
            seconds = float(self._settings.of_script("episodeLengthSeconds", str(seconds)))
        lengths = self._switches.episode_seconds
        seconds = lengths.get(self._name, seconds) if isinstance(lengths, dict) else lengths
        return max(1, round(seconds * FRAMES_PER_SECOND))

    def _check_dataset(self) -> None:
        path = self._settings.of_script("datasetPath")
        if not self._level.needs_dataset or path == "dummy" or (path and (Path(path) / "0001.png").is_file()):
            return
        reason = f"No images in datasetPath '{path}'. Follow instructions to download datasets here: data/README.md"
        raise RuntimeError(f'Failed to start environment - "{reason}"')

    def _drawn(self) -> Picture:
        world = self._playing()
        if self._picture is None:
            self._picture = render(
                self._current_scene(world), world.pose, world.things, self._settings.width, self._settings.height
            )
        return self._picture

    def _current_scene(self, world: World) -> Scene:
        key = (world.layout, world.floors)
        if self._scene is None or self._scene_of != key:
            self._scene, self._scene_of = make_scene(*key), key
        return self._scene


def make_engine(level_name: str, settings: Settings, runfiles: str, level_cache: Any, temp_folder: str) -> Engine:
    """Find the level and check that it may be played so; RuntimeError otherwise."""
    if not os.path.isdir(runfiles):
        print(f"Could not find the engine's library in '{runfiles}'.", file=sys.stderr)
        raise RuntimeError("Failed to connect RL API")
    name = f"{settings.level_directory}/{level_name}" if settings.level_directory else level_name
    level = LEVELS.get(name)
    if level is None:
        path = f"{runfiles}/baselab/game_scripts/levels/{name}.lua"
        raise _init_error(f"Level not found: Failed to open file '{path}'")
    unknown = settings.unknown()
    if unknown is not None and not level.any_setting:
        raise _init_error(f'[{name}.lua] Invalid setting: "{unknown[0]}" = "{unknown[1]}"')
    if name.endswith("_test") and settings.of_script("allowHoldOutLevels") != "true":
        raise _init_error(f"[{name}.lua] This level must only be used during evaluation. Set allowHoldOutLevels.")
    return Engine(name, level, settings, Path(runfiles), level_cache, temp_folder)


def _init_error(reason: str) -> RuntimeError:
    return RuntimeError(f'Failed to init environment - "{reason}"')


def _make_folder() -> str:
    parent = os.environ.get("TEST_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    return tempfile.mkdtemp(prefix="dmlab_temp_folder_", dir=parent)


def _lock_folder(folder: str) -> TextIO:
    """Two of these in one folder would read each other's maps, which the real one does not notice."""
    os.makedirs(folder, exist_ok=True)
    lock = open(os.path.join(folder, "stand_in.lock"), "w")  # noqa: SIM115 (held until `close`)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise RuntimeError(f"The folder {folder} is used by another Lab: each needs one of its own.") from None
    return lock
