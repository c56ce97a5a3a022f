"""Which WAD file an environment plays, and which of its maps. Starts no engine."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import vizdoom

from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenario import OWN_SCENARIOS, scenario_wad
from sample_factory.envs.doom.specs import DoomSpec

_PACKAGE = Path(vizdoom.__file__).parent


class Scenario(NamedTuple):
    """A file, or the content of one that is written for each engine, and how many maps of it are played."""

    name: str
    file: Path | None
    content: bytes
    num_maps: int

    def path(self, folder: Path) -> Path:
        """Where the engine finds it; writes it into `folder` if it is no file."""
        if self.file is not None:
            return self.file
        path = folder / f"{self.name}.wad"
        path.write_bytes(self.content)
        return path


def find_scenario(spec: DoomSpec, options: DoomOptions) -> Scenario:
    """The scenario of an environment.

    Raises:
        ValueError: there is no such file: Python would crash when the engine fails to start.
    """
    if spec.original and options.doom_scenarios_dir is not None:
        path = Path(options.doom_scenarios_dir).expanduser().resolve() / f"{spec.original}.wad"
        return Scenario(spec.original, _existing(spec, path, "--doom_scenarios_dir"), b"", 1)
    if spec.scenario in OWN_SCENARIOS:
        content = scenario_wad(spec.scenario, options.doom_map_seed, options.doom_num_maps)
        return Scenario(spec.scenario, None, content, options.doom_num_maps)
    is_file = spec.scenario.endswith(".wad")
    path = Path(spec.scenario).expanduser().resolve() if is_file else _PACKAGE / "scenarios" / f"{spec.scenario}.wad"
    return Scenario(path.stem, _existing(spec, path, "its specification"), b"", 1)


def map_name(index: int) -> str:
    """Name of the map of that number, from 0."""
    return f"map{index + 1:02d}"


def _existing(spec: DoomSpec, path: Path, said_by: str) -> Path:
    if not path.is_file():
        raise ValueError(f"environment {spec.name!r}: there is no scenario {path}, which {said_by} asks for")
    return path
