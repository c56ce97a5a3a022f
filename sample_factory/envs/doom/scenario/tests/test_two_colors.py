"""The rules of the two colours, looked up in the running engine."""

from collections import Counter
from itertools import pairwise

import pytest

pytest.importorskip("vizdoom", reason="needs the vizdoom package")

from sample_factory.envs.doom.scenario.tests.playing import IDLE, generator, place, random_steps, running, variable

_SCENARIOS = ("two_colors_easy", "two_colors_hard")


def _things(api):
    return Counter(thing.name for thing in api.get_state().objects)


def _pillars(api):
    return [thing for thing in api.get_state().objects if thing.name.endswith("Pillar")]


@pytest.fixture(params=_SCENARIOS)
def game(request, tmp_path):
    with running(tmp_path, request.param, timeout_tics=0) as api:
        yield api


def test_health_falls_until_death(game):
    healths = []
    for _ in range(20):
        game.make_action(IDLE, 16)
        healths.append(variable(game, "HEALTH"))
    assert [before - after for before, after in pairwise(healths)] == [4] * 19
    game.make_action(IDLE, 100)
    assert game.is_player_dead()
    assert 400 <= game.get_episode_time() <= 420


def test_pillars_show_which_color_heals(game):
    good_colors = set()
    for _ in range(8):
        (good,) = {pillar.name.removesuffix("Pillar") for pillar in _pillars(game)}
        good_colors.add(good)
        bad = {"Red": "Green", "Green": "Red"}[good]
        game.make_action(IDLE, 16 * 8 - game.get_episode_time() + 1)
        assert variable(game, "HEALTH") == 100 - 8 * 4
        assert _health_after_taking(game, good) == 100 - 8 * 4 + 20
        assert _health_after_taking(game, bad) == 100 - 8 * 4
        assert _health_after_taking(game, bad) == 100 - 8 * 4 - 20
        assert (variable(game, "USER1"), variable(game, "USER2")) == (1, 2)
        game.new_episode()
    assert good_colors == {"Red", "Green"}


def _health_after_taking(game, color):
    game.send_game_command(f"give {color}Ball")
    game.make_action(IDLE, 4)
    return variable(game, "HEALTH")


def test_balls_appear_anew(game):
    taken = 0
    for seed in range(6):
        game.send_game_command("god")
        random_steps(game, 80, generator(seed))
        taken += variable(game, "USER1") + variable(game, "USER2")
        game.make_action(IDLE, 2)
        things = _things(game)
        assert (things["RedBall"], things["GreenBall"]) == (16, 16)
        game.new_episode()
    assert taken > 0


def test_in_the_easy_one_every_room_has_a_pillar_and_starts_vary(tmp_path):
    with running(tmp_path, "two_colors_easy") as api:
        starts = set()
        for _ in range(4):
            api.new_episode()
            starts.add(place(api))
            assert len(_pillars(api)) == 16
        assert len(starts) == 4


@pytest.mark.parametrize("map_seed", range(4))
def test_in_the_hard_one_the_only_pillar_is_seen_first(tmp_path, map_seed):
    with running(tmp_path, "two_colors_hard", map_seed=map_seed) as api:
        (pillar,) = _pillars(api)
        x, y = place(api)
        distance = abs(pillar.position_x - x) + abs(pillar.position_y - y)
        direction = {(1, 0): 0, (0, 1): 90, (-1, 0): 180, (0, -1): 270}[
            round((pillar.position_x - x) / distance), round((pillar.position_y - y) / distance)
        ]
        assert distance == pytest.approx(80, abs=1)
        assert variable(api, "ANGLE") == pytest.approx(direction, abs=1)
