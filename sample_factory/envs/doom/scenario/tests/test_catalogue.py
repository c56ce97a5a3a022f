"""The same arguments give the same bytes on every machine; every level of every scenario loads and can be played."""

import hashlib
import re
from pathlib import Path

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

import vizdoom

from sample_factory.envs.doom.scenario import OWN_SCENARIOS, scenario_wad
from sample_factory.envs.doom.scenario.tests.playing import generator, random_steps, running
from sample_factory.envs.doom.scenario.wad import read_wad

_DIGESTS = {
    "battle": "3447eba0a3de807e",
    "battle2": "58a0c75d563212dc",
    "two_colors_easy": "525e64194d9e9ba5",
    "two_colors_hard": "d652d97e8c9ca850",
    "duel_arena": "8914c6a7b40d95bf",
    "deathmatch_arena": "4656667a28d20164",
}
"""Of two levels of seed 5. Where one changes, scores from before cannot be compared any more."""


def _digest(name):
    scenario_wad.cache_clear()
    return hashlib.sha256(scenario_wad(name, 5, 2)).hexdigest()[:16]


def test_bytes_are_those_that_they_always_were():
    assert {name: _digest(name) for name in OWN_SCENARIOS} == _DIGESTS


@pytest.mark.parametrize("name", OWN_SCENARIOS)
def test_levels_differ_by_seed_and_by_number_and_do_not_depend_on_how_many_there_are(name):
    levels = [lump.data for lump in read_wad(scenario_wad(name, 1, 3)) if lump.name == "TEXTMAP"]
    others = [lump.data for lump in read_wad(scenario_wad(name, 2, 1)) if lump.name == "TEXTMAP"]
    assert len({*levels, *others}) == 4
    assert levels[0] in scenario_wad(name, 1, 1)


@pytest.mark.parametrize("name", OWN_SCENARIOS)
@pytest.mark.parametrize("map_seed", [0, 1, 99])
def test_every_level_can_be_played(tmp_path, name, map_seed):
    rng = generator(map_seed)
    with running(tmp_path, name, map_seed=map_seed, num_maps=3, lists_things=False) as api:
        for index in (1, 2, 3):
            api.set_doom_map(f"map{index:02}")
            api.new_episode()
            random_steps(api, 300, rng)
            assert api.get_episode_time() > 14


def test_every_texture_is_part_of_the_game():
    """The engine draws a missing one as a chequerboard and says nothing."""
    game = read_wad((Path(vizdoom.__file__).parent / "freedoom2.wad").read_bytes())
    flats = {lump.name for lump in game}
    textures = next(lump.data for lump in game if lump.name == "TEXTURE1")
    for name in OWN_SCENARIOS:
        levels = b"".join(scenario_wad(name, seed, 10) for seed in range(2)).decode("latin-1")
        for part, texture in set(re.findall(r'texture(\w+) = "(\w+)"', levels)):
            known = texture in flats if part in ("floor", "ceiling") else f"{texture}\0".encode() in textures
            assert known, f"{texture} of {name}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("battle3", 0, 1), "unknown Doom scenario 'battle3'; known are battle"),
        (("battle", -1, 1), "map_seed=-1 must not be negative"),
        (("battle", 0, 0), "num_maps=0 must be 1 to 99"),
        (("battle", 0, 100), "num_maps=100 must be 1 to 99"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        scenario_wad(*arguments)
