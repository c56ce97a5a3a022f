"""The numbers of the HUD, scaled and within their declared bounds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.envs.doom.measurements import NUM_MEASUREMENTS, Measurements, measurements_space
from sample_factory.envs.doom.variables import BATTLE, MATCH


def _row(names: tuple[str, ...], **variables: float) -> list[float]:
    row = np.full(NUM_MEASUREMENTS, np.nan, np.float32)
    Measurements(names).write([variables.get(name, 0.0) for name in names], row)
    return np.round(row, 4).tolist()


def test_among_monsters_five_entries_say_something():
    row = _row(BATTLE, SELECTED_WEAPON=2, SELECTED_WEAPON_AMMO=30, HEALTH=60, USER2=5)
    assert np.allclose(row, [2, 2, 2, 0, 0.5, 0, 0.2] + [0] * 16)


def test_in_a_match_all_entries_have_their_place():
    row = _row(MATCH, ARMOR=90, ATTACK_READY=1, PLAYER_COUNT=8, WEAPON0=1, WEAPON7=1, AMMO0=15, AMMO7=300)
    assert np.allclose(row[3:7], [3, 0, 1, 1.6])
    assert np.allclose(row[7:15], [1, 0, 0, 0, 0, 0, 0, 1])
    assert np.allclose(row[15:], [1, 0, 0, 0, 0, 0, 0, 5])  # ammunition is cut at 5


def test_a_dead_player_with_an_empty_hand_is_within_bounds():
    row = _row(MATCH, HEALTH=-40, SELECTED_WEAPON=-1, SELECTED_WEAPON_AMMO=-1)
    assert row[:3] == [0, 0, 0]


@given(st.lists(st.floats(-1e6, 1e6), min_size=len(MATCH), max_size=len(MATCH)))
def test_every_row_is_a_member_of_the_space(values):
    row = np.empty(NUM_MEASUREMENTS, np.float32)
    Measurements(MATCH).write(values, row)
    assert measurements_space().contains(row)
