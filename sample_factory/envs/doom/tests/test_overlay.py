"""What is said about a player, on the real engine."""

from contextlib import closing

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.match import DoomMatch
from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.overlay import action_text
from sample_factory.envs.doom.specs import SPECS


def test_an_overlay_tells_what_the_player_has_and_does():
    with closing(DoomEnv(SPECS["doom_basic"])) as env:
        assert env.overlay() == {}
        env.reset(seed=1)
        assert env.overlay() == {"health": "100", "armor": "0", "ammo": "50", "kills": "0", "action": "nothing"}
        env.step(1)
        assert env.overlay()["action"] == "left"
        for _ in range(3):
            env.step(3)
        assert env.overlay()["action"] == "attack" and int(env.overlay()["ammo"]) < 50


def test_a_dead_player_has_no_health():
    with closing(DoomEnv(SPECS["doom_health_gathering"])) as env:
        env.reset(seed=0)
        while not any(env.step(0)[2:4]):
            pass
        assert env.overlay()["health"] == "0"


def test_every_agent_of_a_match_has_its_overlay():
    with closing(DoomMatch(SPECS["doom_duel"], DoomOptions(timelimit=1))) as match:
        assert match.overlay() == []
        match.reset(seed=1)
        idle = (0,) * 6 + (10,)
        match.step([(1, 0, 0, 1, 0, 0, 14), idle])
        first, second = match.overlay()
        assert first["action"] == "forward, attack, turn +5.0" and second["action"] == "nothing"
        assert first["frags"] == second["frags"] == "0"


def test_buttons_in_words():
    buttons = ("MOVE_LEFT", "SELECT_WEAPON3", "SELECT_NEXT_WEAPON", "TURN_LEFT", "LOOK_UP_DOWN_DELTA", "USE")
    assert action_text(buttons, [1, 1, 1, 1, -2.5, 1]) == "left, weapon 3, next weapon, turn left, look -2.5, use"
    assert action_text(buttons, [0] * 6) == "nothing"
