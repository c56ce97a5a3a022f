"""What goes to DeepMind Lab, and what comes back for learning."""

from __future__ import annotations

import numpy as np
import pytest

from sample_factory.envs.dmlab.actions import action_set
from sample_factory.envs.dmlab.rewards import shaped


def test_actions_are_what_the_module_takes():
    for extended, number in ((False, 9), (True, 15)):
        actions = action_set(extended)
        assert len(actions) == number == len({tuple(action) for action in actions})
        for action in actions:
            assert action.shape == (7,) and action.dtype == np.intc and action.flags.c_contiguous
            assert action.any() and not action[5:].any()  # never nothing, never jumps or crouches


def test_actions_are_in_the_order_of_trained_policies():
    assert [action.tolist()[:5] for action in action_set(False)] == [
        [0, 0, 0, 1, 0],
        [0, 0, 0, -1, 0],
        [0, 0, -1, 0, 0],
        [0, 0, 1, 0, 0],
        [-20, 0, 0, 0, 0],
        [20, 0, 0, 0, 0],
        [-20, 0, 0, 1, 0],
        [20, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]
    looks = [action.tolist()[:5] for action in action_set(True)][4:]
    assert looks == [
        [-10, 0, 0, 0, 0],
        [10, 0, 0, 0, 0],
        [-60, 0, 0, 0, 0],
        [60, 0, 0, 0, 0],
        [0, 10, 0, 0, 0],
        [0, -10, 0, 0, 0],
        [-10, 0, 0, 1, 0],
        [10, 0, 0, 1, 0],
        [-60, 0, 0, 1, 0],
        [60, 0, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize(
    ("reward", "expected"),
    [(-10, -1.446041), (-1, -0.296063), (0, 0), (1, 0.986877), (5, 3.807971), (10, 4.820138), (100, 5.0)],
)
def test_gains_weigh_more_than_losses(reward, expected):
    assert shaped(reward) == pytest.approx(expected, abs=1e-6)
