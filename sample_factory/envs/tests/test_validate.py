"""A broken environment is described in one line before any worker starts. Knows no sampler."""

from __future__ import annotations

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs import registry
from sample_factory.envs.rules import leaf_problem
from sample_factory.envs.tests.envs_for_tests import Counting, Duel, Nested
from sample_factory.envs.validate import BadValue, check_block, describe
from sample_factory.rl.spaces import observation_keys
from sample_factory.system import registrations

CFG = SimpleNamespace()


@pytest.fixture(autouse=True)
def _own_registrations(monkeypatch):
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))


def describe_env(make):
    registry.register_env("tested", lambda name, cfg, config: make())
    return describe("tested", CFG)


@pytest.mark.parametrize(
    "name",
    [
        "gym_CartPole-v1",
        "gym_Pendulum-v1",
        "gym_Blackjack-v1",
        "gym_Taxi-v4",
        "gym_FrozenLake-v1",
        "gym_Acrobot-v1",
        "bandit_3",
        "recall_2",
        "tmaze_5",
    ],
)
def test_sound_environments_pass(name):
    description = describe(name, CFG)
    assert description.num_agents == 1 and description.keys and description.actions.num_actions == 1


def test_agents_and_nested_spaces_are_described():
    assert describe_env(Duel).num_agents == 2
    assert all(describe(name, CFG).num_agents == 2 for name in ("meeting_3", "pennies_3", "pursuit_3"))
    description = describe_env(Nested)
    assert set(description.keys) == {"camera", "sensors/speed", "level", "counts", "flags"}
    vector = describe_env(lambda: gym.vector.SyncVectorEnv([Nested]))
    assert vector.num_agents == 1 and vector.keys == description.keys


def test_the_environment_is_closed():
    env = Counting()
    describe_env(lambda: env)
    assert env.closed == 1


class Faulty(Counting):
    """Returns `fault` as observation, reward or outcome at step 7."""

    observation_space: Any = gym.spaces.Dict(
        {"a": gym.spaces.Box(-1, 1, (2,), np.float32), "n": gym.spaces.Discrete(3)}
    )

    def __init__(self, reward=0.0, **fault):
        super().__init__(length=1000)
        self.fault, self.reward = fault, reward

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"a": np.zeros(2), "n": 0}, {}

    def step(self, action):
        self.steps += 1
        observation = {"a": np.zeros(2), "n": 0} | (self.fault if self.steps == 7 else {})
        return observation, self.reward if self.steps == 7 else 0.0, False, False, {}


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"a": np.array([0, np.nan])}, "at step 7: observation 'a' is not finite"),
        ({"a": np.array([0, 3.5])}, "at step 7: observation 'a' has values from 0.0 to 3.5, outside the declared -1"),
        ({"a": np.zeros(3)}, r"observation 'a' has shape \(3,\), declared \(2,\)"),
        ({"n": 3}, "observation 'n' has values from 3 to 3, outside the declared 0 to 2"),
        ({"n": 1.5}, "observation 'n' has dtype float64, declared int64"),
        ({"reward": np.inf}, "at step 7: the reward inf is no finite number"),
        ({"reward": np.zeros(1)}, "the reward .* is no finite number"),
    ],
)
def test_faults_name_environment_key_and_step(fault, message):
    with pytest.raises(ValueError, match=f"environment 'tested' .*{message}") as caught:
        describe_env(lambda: Faulty(**fault))
    assert "\n" not in str(caught.value)


def test_missing_keys_wrong_interfaces_and_exceptions_are_reported():
    class FirstGeneration(Counting):
        def step(self, action):
            return np.zeros(2), 0.0, False, {}

    class Crashing(Counting):
        def step(self, action):
            raise ZeroDivisionError("division by zero")

    class WithoutKey(Faulty):
        def reset(self, *, seed=None, options=None):
            return {"a": np.zeros(2)}, {}

    class Continuous(Counting):
        action_space: Any = gym.spaces.MultiBinary(2)

    class TooFew(Duel):
        def step(self, actions):
            return tuple(part[:1] for part in super().step(actions))

    with pytest.raises(
        ValueError, match=r"at step 1: step must return \(observation, reward, terminated, truncated, info\)"
    ):
        describe_env(FirstGeneration)
    with pytest.raises(ValueError, match="'tested' raised ZeroDivisionError at step 1: division by zero"):
        describe_env(Crashing)
    with pytest.raises(ValueError, match=r"at reset: the observation lacks parts of its space \(KeyError: 'n'\)"):
        describe_env(WithoutKey)
    with pytest.raises(ValueError, match="'tested': unsupported action space"):
        describe_env(Continuous)
    with pytest.raises(ValueError, match="1 observations and 1 rewards for 2 agents"):
        describe_env(TooFew)


def test_floats_in_an_integer_image_are_a_mistake():
    """They would be cut to black when stored."""
    space = gym.spaces.Box(0, 255, (2, 2, 3), np.uint8)
    assert leaf_problem(space, np.full((2, 2, 3), 0.5)) == ("wrong-dtype", "has dtype float64, declared uint8")
    assert leaf_problem(space, np.full((2, 2, 3), 300, np.int32)) is not None
    assert leaf_problem(space, np.full((2, 2, 3), 255, np.uint8)) is None


def test_block_check_finds_the_earliest_bad_step():
    space = gym.spaces.Dict(
        {
            "a": gym.spaces.Box(-1, 1, (3,)),
            "i": gym.spaces.Box(0, 255, (4, 4, 3), np.uint8),
            "n": gym.spaces.Discrete(2),
        }
    )
    keys = observation_keys(space)
    block = {name: np.zeros((8, 5, *key.shape), key.dtype) for name, key in keys.items()}
    assert check_block(keys, block) is None
    block["a"][...] = 3e38  # the sum overflows, the values do not
    assert check_block(keys, block) is None
    block["a"][6, 3, 1] = np.inf
    block["a"][2, 4, 0] = np.nan
    assert check_block(keys, block) == BadValue("a", step=2, row=4)
