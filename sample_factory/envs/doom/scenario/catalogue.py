"""The scenarios of this package by name. Writes nothing and knows no engine."""

from __future__ import annotations

from functools import cache

from sample_factory.envs.doom.scenario import arena, battle, battle2, two_colors
from sample_factory.envs.doom.scenario.levels import MAX_MAPS, levels_wad

_LEVELS = {
    "battle": (battle.battle_level, battle.DECORATE),
    "battle2": (battle2.battle2_level, battle.DECORATE),
    "two_colors_easy": (two_colors.easy_level, two_colors.DECORATE),
    "two_colors_hard": (two_colors.hard_level, two_colors.DECORATE),
    "duel_arena": (arena.duel_level, arena.DECORATE),
    "deathmatch_arena": (arena.deathmatch_level, arena.DECORATE),
}

OWN_SCENARIOS: tuple[str, ...] = tuple(_LEVELS)
"""Names that `scenario_wad` knows."""


@cache
def scenario_wad(name: str, map_seed: int, num_maps: int) -> bytes:
    """The WAD of a scenario, the same bytes everywhere for the same arguments.

    Args:
        map_seed: levels of another seed look different.
        num_maps: levels in it: MAP01, MAP02 and so on.

    Raises:
        ValueError: there is no such scenario, or no such seed or number of levels.
    """
    if name not in _LEVELS:
        raise ValueError(f"unknown Doom scenario {name!r}; known are {', '.join(OWN_SCENARIOS)}")
    if map_seed < 0:
        raise ValueError(f"map_seed={map_seed} must not be negative")
    if not 1 <= num_maps <= MAX_MAPS:
        raise ValueError(f"num_maps={num_maps} must be 1 to {MAX_MAPS}")
    make_level, decorate = _LEVELS[name]
    return levels_wad(make_level, decorate, map_seed, num_maps)
