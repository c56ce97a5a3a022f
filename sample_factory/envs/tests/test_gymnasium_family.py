"""Gymnasium ids become environments, and mistakes one-line messages. Knows no adapter."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.gymnasium_family import FAMILY, GymnasiumOptions, parse_env_kwargs
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.registry import create_env, make_batched, resolve
from sample_factory.envs.tests.envs_for_tests import Nested
from sample_factory.envs.vector_env import VectorEnvAdapter


def make(name: str, **options: Any) -> Any:
    return create_env(name, SimpleNamespace(**options))


def test_no_wrapper_but_the_time_limit():
    env = make("gym_CartPole-v1")
    assert (
        type(env) is gym.wrappers.TimeLimit
        and env.env is env.unwrapped
        and env.spec is not None
        and env.spec.max_episode_steps == 500
    )


def test_keyword_arguments_reach_the_environment():
    assert make("gym_Pendulum-v1", env_kwargs='{"g": 1.5}').unwrapped.g == 1.5
    assert create_env("gym_CartPole-v1", SimpleNamespace(), None, "rgb_array").render_mode == "rgb_array"


@pytest.mark.parametrize("text", ["{", "[1]", "3"])
def test_keyword_arguments_that_are_no_json_object(text):
    with pytest.raises(ValueError, match=r"--env_kwargs=\S+ (is not JSON|must be a JSON object)"):
        GymnasiumOptions(env_kwargs=text)
    assert parse_env_kwargs("") == {}


def test_unknown_keyword_arguments_and_frameskip_are_refused():
    with pytest.raises(ValueError, match=r"'gym_CartPole-v1' refuses --env_kwargs=\{\"colour\": 1\}"):
        make("gym_CartPole-v1", env_kwargs='{"colour": 1}')
    with pytest.raises(ValueError, match="--env_frameskip=4"):
        make("gym_CartPole-v1", env_frameskip=4)


@pytest.mark.parametrize("name", ["gym_CartPoel-v1", "gym_CartPole-v9", "gym_cartpole"])
def test_unknown_ids_get_the_nearest_ones(name):
    with pytest.raises(ValueError, match=r"did you mean .*gym_CartPole-v1") as caught:
        make(name)
    assert "\n" not in str(caught.value)


def test_a_module_that_registers_the_id_is_imported(tmp_path, monkeypatch):
    (tmp_path / "my_gym_module.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('FromModule-v0', 'gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=7)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert make("gym_my_gym_module:FromModule-v0").spec.max_episode_steps == 7
    del gym.registry["FromModule-v0"]
    with pytest.raises(ValueError, match=r"needs the package 'no_such_module'"):
        make("gym_no_such_module:FromModule-v0")


def test_perceptron_for_vectors_and_convolutions_for_images():
    assert FAMILY.default_overrides("gym_CartPole-v1") == {"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco"}
    gym.register("TestImages-v0", f"{Nested.__module__}:Nested")
    try:
        defaults = resolve("gym_TestImages-v0").default_overrides("gym_TestImages-v0")
        assert defaults == {"encoder_type": "conv", "encoder_subtype": "minigrid_convnet_tiny"}
    finally:
        del gym.registry["TestImages-v0"]


def make_group(name: str, num_envs: int, **options: Any) -> BatchedEnv:
    return make_batched(name, SimpleNamespace(**options), num_envs)


def test_a_group_is_gymnasiums_own_batch_where_there_is_one():
    assert isinstance(make_group("gym_CartPole-v1", 4), VectorEnvAdapter)
    assert isinstance(make_group("gym_CartPole-v1", 1), GymnasiumList)
    assert isinstance(make_group("gym_Pendulum-v1", 4), GymnasiumList)


@pytest.mark.parametrize(("name", "limit"), [("gym_CartPole-v0", 200), ("gym_CartPole-v1", 500)])
def test_gymnasiums_own_batch_follows_the_rules_of_the_single_environment(name, limit):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # v0 is out of date
        batch, single = make_group(name, 3), gym.make(name.removeprefix("gym_"))
    obs = {"obs": np.zeros((3, 4), np.float32)}
    batch.reset(1, obs)
    single.reset(seed=1)
    single.unwrapped.state = tuple(batch.env.unwrapped.state[:, 1])
    result = new_step_arrays(3)
    rng = np.random.default_rng(0)
    for _ in range(60):
        actions = rng.integers(0, 2, (3, 1)).astype(np.int32)
        batch.step(actions, obs, result)
        expected, reward, terminated, truncated, _ = single.step(int(actions[1, 0]))
        np.testing.assert_allclose(obs["obs"][1], expected, rtol=1e-5, atol=1e-6)
        assert (result.rewards[1], result.terminated[1], result.truncated[1]) == (reward, terminated, truncated)
        if terminated:
            break
    assert terminated, "random actions drop the pole"
    assert batch.env.unwrapped.max_episode_steps == limit


def test_arguments_reach_gymnasiums_own_batch_and_unknown_ones_are_refused():
    batch = make_group("gym_CartPole-v1", 2, env_kwargs='{"sutton_barto_reward": true}')
    result = new_step_arrays(2)
    obs = {"obs": np.zeros((2, 4), np.float32)}
    batch.reset(0, obs)
    batch.step(np.zeros((2, 1), np.int32), obs, result)
    assert result.rewards.tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match=r"'gym_CartPole-v1' refuses --env_kwargs=\{\"colour\": 1\}"):
        make_group("gym_CartPole-v1", 2, env_kwargs='{"colour": 1}')


def test_a_batch_with_other_spaces_than_a_single_environment_is_not_used():
    pytest.importorskip("ale_py", reason="needs the ale-py package")
    env = make_batched("gym_ale_py:ALE/Pong-v5", SimpleNamespace(env_kwargs="{}"), 2)
    assert env.keys["obs"].shape == (210, 160, 3)
    env.close()
