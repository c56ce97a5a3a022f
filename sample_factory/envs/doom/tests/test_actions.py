"""Actions press the buttons that their names promise."""

import itertools
from typing import Any

import gymnasium as gym
import pytest

from sample_factory.envs.doom.actions import EXTENDED, ActionTable, ButtonChoice, DiscretizedDelta, action_table, flat


def _pressed(table: ActionTable, action: Any) -> dict[str, float]:
    return {name: value for name, value in zip(table.buttons, table.row(action), strict=True) if value}


def test_flat_action_zero_is_idle_and_others_press_one_button():
    table = ActionTable(flat("MOVE_LEFT", "MOVE_RIGHT", "ATTACK"))
    assert table.space == gym.spaces.Discrete(4)
    assert [_pressed(table, action) for action in range(4)] == [{}, {"MOVE_LEFT": 1}, {"MOVE_RIGHT": 1}, {"ATTACK": 1}]


def test_tuple_action_presses_the_choice_of_every_component():
    table = ActionTable(EXTENDED)
    assert table.space == gym.spaces.Tuple([gym.spaces.Discrete(size) for size in (3, 3, 3, 2)])
    for action in itertools.product(range(3), range(3), range(3), range(2)):
        expected: set[str] = set()
        for component, value in zip(EXTENDED, action, strict=True):
            expected |= {component.names[value - 1]} if value else set()
        assert set(_pressed(table, action)) == expected


def test_discretized_delta_spreads_its_values_evenly_over_the_range():
    table = ActionTable((ButtonChoice(("ATTACK",)), DiscretizedDelta("TURN_LEFT_RIGHT_DELTA", 11, -10.0, 10.0)))
    assert table.buttons == ("ATTACK", "TURN_LEFT_RIGHT_DELTA")
    assert [table.row((0, value))[1] for value in range(11)] == list(range(-10, 11, 2))
    assert table.row((1, 5)) == [1.0, 0.0]


def test_discretized_delta_of_one_value_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        DiscretizedDelta("TURN_LEFT_RIGHT_DELTA", 1, -1.0, 1.0)


def test_tuple_action_of_wrong_length_is_an_error():
    with pytest.raises(ValueError):
        ActionTable(EXTENDED).row((1, 1))


def test_equal_components_share_one_table():
    assert action_table(EXTENDED) is action_table(tuple(EXTENDED))
