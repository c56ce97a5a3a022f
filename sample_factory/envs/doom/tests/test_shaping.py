"""Extra rewards pay what their tables say, for what happened to the player, and for nothing else."""

from typing import Any

import numpy as np
import pytest

from sample_factory.envs.doom.shaping import HealthGainReward, VariableReward, bots_table, self_play_table
from sample_factory.envs.doom.variables import BATTLE, MATCH, Variables


def _values(**variables: float) -> list[float]:
    return [variables.get(name, 0.0) for name in MATCH]


def _paid(before: dict[str, float], after: dict[str, float], table: dict[str, Any] | None = None) -> float:
    shaping = VariableReward(MATCH, bots_table() if table is None else table)
    shaping.start(_values(**before))
    return shaping.step(_values(**after))


def test_pays_one_per_step_with_a_gain_however_large():
    shaping = HealthGainReward(("HEALTH",))
    shaping.start([100.0])
    assert [shaping.step([float(h)]) for h in (92, 84, 84, 100, 101, 93)] == [0, 0, 0, 1, 1, 0]


def test_a_new_episode_with_more_health_is_no_gain():
    shaping = HealthGainReward(("HEALTH",))
    shaping.start([100.0])
    shaping.step([-3.0])
    shaping.start([100.0])
    assert shaping.step([100.0]) == 0


@pytest.mark.parametrize(
    ("before", "after", "reward"),
    [
        ({"FRAGCOUNT": 2}, {"FRAGCOUNT": 3}, 1.0),
        ({"FRAGCOUNT": 2}, {"FRAGCOUNT": 1}, -1.5),
        ({}, {"DEATHCOUNT": 1}, -0.75),
        ({}, {"HITCOUNT": 2}, 0.02),
        ({}, {"DAMAGECOUNT": 30}, 0.09),
        ({"HEALTH": 50}, {"HEALTH": 60}, 0.05),
        ({"HEALTH": 50}, {"HEALTH": 40}, -0.03),
        ({"ARMOR": 10}, {"ARMOR": 0}, -0.01),
        ({}, {"WEAPON3": 1}, 0.1),
        ({"WEAPON7": 1}, {}, -0.1),
        ({}, {"AMMO6": 40}, 0.08),
        ({"AMMO2": 40}, {"AMMO2": 30}, -0.001),
        ({"POSITION_X": 1}, {}, 0.0),
    ],
)
def test_every_unit_of_change_is_paid_by_the_table(before, after, reward):
    assert _paid(before, after) == pytest.approx(reward)


def test_self_play_pays_deaths_like_frags():
    assert _paid({}, {"FRAGCOUNT": 1}, self_play_table()) == 1
    assert _paid({}, {"DEATHCOUNT": 1}, self_play_table()) == -1
    assert _paid({}, {"HITCOUNT": 3}, self_play_table()) == 0


def test_huge_steps_of_damage_and_hits_are_capped():
    assert _paid({}, {"DAMAGECOUNT": 1000}) == pytest.approx(200 * 0.003)
    assert _paid({}, {"HITCOUNT": 30}) == pytest.approx(5 * 0.01)


def test_health_that_is_lost_to_somebody_who_appears_on_top_is_capped():
    crushed = {"HEALTH": -999_900.0, "DEATHCOUNT": 1.0, "DEAD": 1.0}
    assert _paid({"HEALTH": 100}, crushed) == pytest.approx(-0.75 - 200 * 0.003)


def test_coming_back_from_the_dead_is_not_paid():
    shaping = VariableReward(MATCH, bots_table())
    shaping.start(_values(HEALTH=10, WEAPON7=1))
    assert shaping.step(_values(HEALTH=-5, DEAD=1, DEATHCOUNT=1, WEAPON7=1)) == pytest.approx(-0.75 - 15 * 0.003)
    assert shaping.step(_values(HEALTH=100, DEATHCOUNT=1)) == 0
    assert shaping.step(_values(HEALTH=90, DEATHCOUNT=1)) == pytest.approx(-0.03)


def test_holding_a_loaded_weapon_pays_from_the_fifth_step_on_by_its_preference():
    shaping = VariableReward(MATCH, bots_table())
    held = {"SELECTED_WEAPON": 7.0, "SELECTED_WEAPON_AMMO": 40.0}
    shaping.start(_values(**held))
    assert [shaping.step(_values(**held)) for _ in range(6)] == [0, 0, 0, 0, 0.002, 0.002]
    other = {"SELECTED_WEAPON": 2.0, "SELECTED_WEAPON_AMMO": 40.0}
    assert [shaping.step(_values(**other)) for _ in range(5)] == [0, 0, 0, 0, 0.0002]
    assert shaping.step(_values(SELECTED_WEAPON=2, SELECTED_WEAPON_AMMO=0)) == 0


def test_variables_that_an_environment_does_not_look_at_are_left_out():
    shaping = VariableReward(BATTLE, bots_table())
    shaping.start([2.0, 20.0, 100.0, 0.0])
    assert shaping.step([2.0, 20.0, 80.0, 1.0]) == pytest.approx(-20 * 0.003)


def test_counters_count_from_the_start_of_the_episode():
    variables = Variables(("HEALTH", "DEATHCOUNT", "DAMAGECOUNT"))
    variables.start(np.array([100.0, 3.0, 40.0]))
    assert variables.values == [100, 0, 0]
    variables.update(np.array([50.0, 4.0, 45.0]))
    assert variables.values == [50, 1, 5]
    variables.start(np.array([100.0, 4.0, 45.0]))
    assert variables.get("DEATHCOUNT") == 0
    assert variables.get("FRAGCOUNT", 7) == 7
