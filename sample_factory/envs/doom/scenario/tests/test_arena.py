"""Arenas can be hosted with bots, and frags are counted."""

from collections import Counter

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.network import free_port  # a busy port crashes Python
from sample_factory.envs.doom.scenario.tests.playing import generator, random_steps, running, variable

_HOSTED = (
    "-host 1 -deathmatch +timelimit 4.0 +sv_forcerespawn 1 +sv_weaponstay 1 +sv_noexit 1 "
    "+viz_respawn_delay 2 +viz_connect_timeout 4"
)
_WEAPONS = {"Shotgun", "Chaingun", "SuperShotgun", "RocketLauncher", "PlasmaRifle", "Chainsaw", "BFG9000"}


def _things(api):
    state = api.get_state()
    return state.objects if state else []


@pytest.mark.parametrize(("name", "num_bots"), [("duel_arena", 1), ("deathmatch_arena", 7)])
def test_a_hosted_game_with_bots_has_frags(tmp_path, name, num_bots):
    with running(tmp_path, name, timeout_tics=0, start_tic=1, game_args=f"{_HOSTED} -port {free_port()}") as api:
        for _ in range(num_bots):
            api.send_game_command("addbot")
        random_steps(api, 20, generator(0))
        things = Counter(thing.name for thing in _things(api))
        assert set(things) >= _WEAPONS
        assert things["Medikit"] and things["ClipBox"] and things["CellPack"] and things["RocketBox"]

        came_back = False
        for seed in range(40):
            if api.is_player_dead():
                api.respawn_player()
            random_steps(api, 60, generator(seed))
            came_back = came_back or any(thing.name == "ItemFog" for thing in _things(api))
            frags = [variable(api, f"PLAYER{player}_FRAGCOUNT") for player in range(1, num_bots + 2)]
            if sum(frags) > 1 and came_back:
                break
        assert variable(api, "PLAYER_COUNT") == num_bots + 1
        assert sum(frags) > 1 and came_back
        assert not api.is_episode_finished()
