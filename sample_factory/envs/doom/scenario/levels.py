"""Packs levels into a WAD. Knows no rules and no scenario."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sample_factory.envs.doom.scenario.dice import Dice
from sample_factory.envs.doom.scenario.wad import Lump, write_wad

MAX_MAPS = 99
"""The engine calls levels MAP01 to MAP99."""


class Level(NamedTuple):
    """One level: its geometry and, if it has rules of its own, its scripts."""

    text_map: bytes
    behavior: bytes = b""


def map_name(index: int) -> str:
    """Name of the level with this index, which counts from 0."""
    return f"MAP{index + 1:02}"


def levels_wad(make_level: Callable[[Dice], Level], decorate: str, map_seed: int, num_maps: int) -> bytes:
    """A WAD of levels that differ in nothing but chance; a level is the same whatever the number of levels.

    Args:
        decorate: definitions of things, in the engine's DECORATE language.
    """
    lumps = [Lump("DECORATE", decorate.encode("ascii")), Lump("MAPINFO", _map_info(num_maps).encode("ascii"))]
    for index in range(num_maps):
        level = make_level(Dice(map_seed * MAX_MAPS + index))
        lumps += [Lump(map_name(index)), Lump("TEXTMAP", level.text_map), Lump("BEHAVIOR", level.behavior)]
        lumps.append(Lump("ENDMAP"))
    return write_wad([lump for lump in lumps if lump.data or lump.name not in ("DECORATE", "BEHAVIOR")])


def _map_info(num_maps: int) -> str:
    # Monsters that hurt each other would kill each other, which is neither a frag nor a reward of anybody's.
    block = 'map {0} "{0}"\n{{\n  sky1 = "SKY1"\n  music = ""\n  noinfighting\n}}\n'
    return "".join(block.format(map_name(index)) for index in range(num_maps))
