"""What is written for a policy is read as a whole or not at all."""

from __future__ import annotations

import pytest

from sample_factory.sampling.shared_values import SharedValues, shared_values_specs
from sample_factory.system.arena import Arena

PATHS = (("goal",), ("delta", "health"))


@pytest.fixture
def arena() -> Arena:
    return Arena.create(shared_values_specs("reward_shaping", num_policies=2, num_values=2))


def test_each_policy_has_values_of_its_own(arena: Arena) -> None:
    shaping = SharedValues(arena, "reward_shaping", PATHS)
    shaping.write(1, {"delta": {"health": 2}, "goal": 3.0})
    assert shaping.read(0) == (0, {"goal": 0.0, "delta": {"health": 0.0}})
    version, values = shaping.read(1) or (0, {})
    assert values == {"goal": 3.0, "delta": {"health": 2.0}}
    shaping.write(1, {"delta": {"health": 5}, "goal": 3.0})
    assert shaping.version(1) != version and shaping.version(0) == 0


def test_values_that_are_being_written_are_not_read(arena: Arena) -> None:
    shaping = SharedValues(arena, "reward_shaping", PATHS)
    arena["reward_shaping/versions"][0] += 1  # a writer is between its two steps
    assert shaping.read(0) is None


def test_nothing_is_written_if_a_value_is_missing(arena: Arena) -> None:
    shaping = SharedValues(arena, "reward_shaping", PATHS)
    with pytest.raises(KeyError):
        shaping.write(0, {"goal": 3.0})
    assert shaping.version(0) == 0
