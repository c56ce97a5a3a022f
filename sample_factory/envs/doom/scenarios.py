"""Which WAD file an environment plays, and which of its maps. Starts no engine."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import NamedTuple

import vizdoom

from sample_factory.envs.doom.freedm import freedm_path
from sample_factory.envs.doom.network import free_port
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenario import OWN_SCENARIOS, scenario_wad
from sample_factory.envs.doom.specs import DoomSpec
from sample_factory.envs.doom.validate import check_wad

_PACKAGE = Path(vizdoom.__file__).parent


class Scenario(NamedTuple):
    """A file, or the content of one that is written for each engine, and how many maps of it are played."""

    name: str
    file: Path | None
    content: bytes
    num_maps: int
    only_map: str | None = None
    """Its name, where there is one."""

    def map_name(self, index: int) -> str:
        """Name of the map of that number, from 0."""
        return self.only_map or f"map{index + 1:02d}"

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
        return _of_file(spec, path, "--doom_scenarios_dir")
    if spec.original == "freedm" and (freedm := freedm_path()) is not None:
        return _of_file(spec, freedm, "the system")
    if spec.scenario in OWN_SCENARIOS:
        content = scenario_wad(spec.scenario, options.doom_map_seed, options.doom_num_maps)
        return Scenario(spec.scenario, None, content, options.doom_num_maps)
    if spec.scenario.endswith(".wad"):
        return _of_file(spec, Path(spec.scenario).expanduser().resolve(), "its specification")
    shipped = _PACKAGE / "scenarios" / f"{spec.scenario}.wad"
    return Scenario(spec.scenario, _existing(spec, shipped, "its specification"), b"", 1, spec.map)


def _of_file(spec: DoomSpec, path: Path, said_by: str) -> Scenario:
    """A user's file, which may be anything."""
    status = _existing(spec, path, said_by).stat()
    _try_out(path, status.st_mtime_ns, status.st_size, spec.map, spec.match is not None)
    return Scenario(path.stem, path, b"", 1, spec.map)


@functools.cache
def _try_out(path: Path, changed_ns: int, size_bytes: int, map_name: str, is_match: bool) -> None:
    """Once in a process, for each version of a file."""
    # Levels made for matches may have no place where a single player begins, and the engine ends over it.
    check_wad(path, map_name, game_args=f"-host 1 -port {free_port()} -deathmatch" if is_match else "")


def _existing(spec: DoomSpec, path: Path, said_by: str) -> Path:
    if not path.is_file():
        raise ValueError(f"environment {spec.name!r}: there is no scenario {path}, which {said_by} asks for")
    return path
