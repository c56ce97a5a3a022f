"""Gymnasium ids become environments, and mistakes one-line messages. Knows no adapter."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import pytest

from sample_factory.envs.gymnasium_family import FAMILY, GymnasiumOptions, parse_env_kwargs
from sample_factory.envs.registry import create_env, resolve
from sample_factory.envs.tests.envs_for_tests import Nested


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


def test_perceptron_for_vectors_nothing_for_images():
    assert FAMILY.default_overrides("gym_CartPole-v1") == {"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco"}
    gym.register("TestImages-v0", f"{Nested.__module__}:Nested")
    try:
        assert resolve("gym_TestImages-v0").default_overrides("gym_TestImages-v0") == {}
    finally:
        del gym.registry["TestImages-v0"]
