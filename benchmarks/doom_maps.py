"""Writes the maps of `doom_benchmark` as a file, for peers: `python -m benchmarks.doom_maps battle.wad`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.scenario.catalogue import scenario_wad
from sample_factory.envs.doom.specs import doom_spec


def main() -> None:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path)
    path: Path = parser.parse_args().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(maps())


def maps() -> bytes:
    """The maps that our environment has without further options."""
    options = DoomOptions()
    return scenario_wad(doom_spec("doom_benchmark").scenario, options.doom_map_seed, options.doom_num_maps)


if __name__ == "__main__":
    main()
