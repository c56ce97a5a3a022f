"""The rules of `battle`, looked up in the running engine."""

from collections import Counter

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.scenario import battle, catalogue
from sample_factory.envs.doom.scenario.acs import HEALTH_PROPERTY, Kind, Op, Script, call, every, push
from sample_factory.envs.doom.scenario.tests.playing import IDLE, generator, place, random_steps, running, variable

_GET_ACTOR_PROPERTY, _SET_GLOBAL = 246, 181  # operations that no scenario needs
_USER5 = 5


def _things(api):
    return Counter(thing.name for thing in api.get_state().objects)


def _tics(api):
    return api.get_episode_time()


@pytest.fixture
def game(tmp_path):
    with running(tmp_path, "battle") as api:
        yield api


def test_the_player_has_a_pistol_and_its_bullets(game):
    assert [variable(game, f"WEAPON{slot}") for slot in range(10)] == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
    assert variable(game, "SELECTED_WEAPON_AMMO") == 20


def test_items_are_added_and_imps_stay_as_many(game):
    assert _things(game) == {"DoomPlayer": 1, "BattleImp": 15, "BattleMedikit": 30, "Clip": 15}
    game.send_game_command("god")
    game.make_action(IDLE, 600 - _tics(game))
    things = _things(game)
    assert (things["BattleImp"], things["BattleMedikit"], things["Clip"]) == (15, 30 + 8, 15 + 2)
    assert game.get_total_reward() == 0


def test_later_imps_have_more_health(tmp_path, monkeypatch):
    tid = 0
    newborn = [
        *[(Op.PUSH_MAP, battle._NEXT_TID), (Op.SET_LOCAL, tid), call(battle._NEW_IMP), (Op.DELAY_DIRECT, 2)],
        *[(Op.PUSH_LOCAL, tid), *push(HEALTH_PROPERTY), (_GET_ACTOR_PROPERTY,), (_SET_GLOBAL, _USER5)],
    ]
    scripts = battle.battle_scripts

    def with_probe(area, num_imps):
        return [*scripts(area, num_imps), Script(99, every(98, newborn), Kind.OPEN)]

    monkeypatch.setattr(battle, "battle_scripts", with_probe)
    catalogue.scenario_wad.cache_clear()
    with running(tmp_path, "battle") as api:
        api.send_game_command("god")
        healths = []
        for tic in (410, 430, 830, 850, 1250, 1350):
            api.make_action(IDLE, tic - _tics(api))
            healths.append(variable(api, "USER5"))
    catalogue.scenario_wad.cache_clear()
    assert healths == [5, 5, 6, 6, 7, 8], "born at 400, 400, 800, 800, 1200, 1300"


def test_a_kill_is_a_reward_and_another_imp(game):
    rng = generator(1)
    game.send_game_command("god")
    game.send_game_command("give ammo")
    killed_at = []

    def check():
        assert game.get_total_reward() == variable(game, "USER2")
        assert variable(game, "KILLCOUNT") - variable(game, "USER2") <= 1, "scripts follow within a tic"
        killed_at.extend([_tics(game)] * int(game.get_last_reward()))
        if not any(abs(_tics(game) - tic - 70) < 8 for tic in killed_at):
            assert _things(game)["BattleImp"] == 15 - sum(_tics(game) - tic < 70 for tic in killed_at)

    random_steps(game, 500, rng, check)
    assert len(killed_at) > 1
    game.make_action(IDLE, 2)
    assert game.get_total_reward() == variable(game, "USER2") == variable(game, "KILLCOUNT")


def test_deaths_that_the_player_did_not_cause_pay_nothing(game):
    game.send_game_command("god")
    game.send_game_command("kill monsters")
    game.make_action(IDLE, 4)
    assert _things(game)["BattleImp"] == 0
    game.make_action(IDLE, 80)
    assert _things(game)["BattleImp"] == 15
    assert game.get_total_reward() == variable(game, "USER2") == 0


def test_medikits_heal_and_count(game):
    rng = generator(3)
    game.send_game_command("god")
    random_steps(game, 500, rng)
    taken = variable(game, "USER1") / 100
    assert taken > 0
    assert _things(game)["BattleMedikit"] == 30 + (_tics(game) - 1) // 70 - taken


def test_episodes_begin_at_other_places_with_other_angles(game):
    starts = set()
    for _ in range(6):
        game.new_episode()
        starts.add((*place(game), variable(game, "ANGLE")))
    for values in zip(*starts, strict=True):
        assert len({round(value) for value in values}) == 6


def test_nobody_can_leave(game):
    rng = generator(4)
    game.send_game_command("god")
    seen = []
    random_steps(game, 500, rng, lambda: seen.append(place(game)))
    for position in seen:
        assert all(24 < coordinate < 1856 - 24 for coordinate in position)
    for thing in game.get_state().objects:
        assert 24 < thing.position_x < 1856 - 24 and 24 < thing.position_y < 1856 - 24


def test_battle2_has_the_same_rules_with_fewer_imps_and_more_to_see(tmp_path):
    with running(tmp_path, "battle2") as api:
        things = _things(api)
        assert (things["BattleImp"], things["BattleMedikit"], things["Clip"]) == (10, 30, 15)
        assert len(things) > 6, "decorations"
        api.send_game_command("god")
        heights = set()
        random_steps(api, 500, generator(0), lambda: heights.add(variable(api, "POSITION_Z")))
        assert len(heights) > 3
        things = _things(api)
        assert (things["BattleMedikit"], things["Clip"]) >= (30 + 28 - variable(api, "USER1") / 100, 15)
