"""Recorded episodes: the engine's .lmp file, and beside it what must be known to play it again. Starts no engine.

A .lmp file holds the map, the random seed and the buttons of every tic, and nothing of rules and rewards: those are in
the .json file of the same name.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import vizdoom

from sample_factory.envs.doom.scenarios import Scenario


@dataclass(frozen=True)
class Demo:
    """What a .json file says."""

    env: str
    options: Mapping[str, Any]
    """Of `DoomOptions`."""
    frameskip: int
    """Tics of a step: rewards for changes from step to step depend on it."""
    scenario_sha256: str
    """Of the WAD file, which must be the same."""
    map: str
    seed: int
    """That of the engine's first episode."""
    reward_shaping: Mapping[str, Any] | None
    """Table of extra rewards."""
    total_reward: float
    num_steps: int

    def write(self, path: Path) -> None:
        """Write the file."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_demo(lmp: Path) -> Demo | None:
    """What is known of a recorded episode; None if there is no .json file beside the .lmp file.

    Raises:
        ValueError: there is no such recording, or the .json file is none of ours.
    """
    if not lmp.is_file():
        raise ValueError(f"there is no demo {lmp}")
    path = lmp.with_suffix(".json")
    if not path.is_file():
        return None
    with contextlib.suppress(json.JSONDecodeError, TypeError, KeyError):
        values = json.loads(path.read_text(encoding="utf-8"))
        return Demo(**{item.name: values[item.name] for item in fields(Demo)})
    raise ValueError(f"{path} does not describe a Doom demo")


def scenario_sha256(scenario: Scenario) -> str:
    """Of the WAD file."""
    content = scenario.content if scenario.file is None else scenario.file.read_bytes()
    return hashlib.sha256(content).hexdigest()


class DemoRecorder:
    """Tells the engine where to record, and puts what is wanted of it where it is wanted.

    The engine writes the file of an episode when the next one begins, so `deliver` is called after that.
    """

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._number = 0
        self._wanted: tuple[Path, Demo, Path] | None = None
        self.total_reward, self.num_steps = 0.0, 0
        """Of the episode that is being recorded."""

    def begin(self) -> str:
        """An episode begins; returns the path for the engine."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="sample_factory_demo_")
        self._number += 1
        self.total_reward, self.num_steps = 0.0, 0
        return str(self._file())

    def restart(self, game: vizdoom.DoomGame) -> None:
        """Record the same episode that an engine has begun, as they all do when they start."""
        game.set_seed(game.get_seed())
        game.new_episode(self.begin())

    # hot path
    def add(self, reward: float) -> None:
        """A step was taken."""
        self.total_reward += reward
        self.num_steps += 1

    def save(self, demo: Demo, lmp: Path) -> None:
        """The episode that has just ended is to be kept as that file, and `demo` beside it."""
        self._wanted = self._file(), demo, lmp

    def deliver(self) -> None:
        """The engine has written what it recorded, if it was still running."""
        if self._wanted is not None:
            source, demo, lmp = self._wanted
            self._wanted = None
            if not source.exists():
                return
            lmp.parent.mkdir(parents=True, exist_ok=True)
            demo.write(lmp.with_suffix(".json"))
            shutil.move(source, lmp)

    def finish(self, game: vizdoom.DoomGame) -> None:
        """The engine is about to be ended: it writes its last recording now, or never.

        Ending one that records waits for ever.
        """
        if game.is_running():
            game.new_episode()
            self.deliver()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _file(self) -> Path:
        assert self._folder is not None
        return Path(self._folder.name) / f"{self._number % 2}.lmp"  # the last episode's is not written yet
