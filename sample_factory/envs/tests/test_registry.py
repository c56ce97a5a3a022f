"""Names find their families, in this process and in others. Knows no adapter."""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from sample_factory.envs import registry
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.multi_agent import MultiAgentList
from sample_factory.envs.registry import EnvFamily, create_env, make_batched, register_env, resolve
from sample_factory.envs.small.tmaze import TMaze
from sample_factory.envs.tests.envs_for_tests import Counting, Duel, Nested
from sample_factory.envs.vector_env import VectorEnvAdapter
from sample_factory.system import registrations

CFG = SimpleNamespace()


@pytest.fixture(autouse=True)
def _own_registrations(monkeypatch):
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))


@dataclass(frozen=True)
class Options:
    my_option: int = 3


def make_counting(full_env_name, cfg, env_config):
    env: Any = Counting(length=5)
    env.made_with = (full_env_name, cfg, env_config)
    return env


def make_nested(full_env_name, cfg, env_config, render_mode=None):
    return Nested()


def make_duel(full_env_name, cfg, env_config):
    return Duel()


def make_vector(full_env_name, cfg, env_config):
    from gymnasium.vector import SyncVectorEnv

    return SyncVectorEnv([Counting] * env_config.num_envs)


def test_longest_matching_name_wins():
    register_env("my_", make_counting, options=Options, defaults={"gamma": 0.9})
    register_env("my_nested", make_nested)
    assert resolve("my_env").make is make_counting and resolve("my_nested_3").make is make_nested
    assert resolve("my_env").options is Options and resolve("my_env").default_overrides("my_env") == {"gamma": 0.9}


def test_registered_names_take_precedence_over_families():
    register_env("gym_mine", make_counting)
    assert resolve("gym_mine").make is make_counting and resolve("gym_CartPole-v1").prefix == "gym_"
    register_env("gym_", make_nested)
    assert resolve("gym_CartPole-v1").make is make_nested


def test_factories_learn_their_place_and_need_no_render_mode():
    register_env("my_env", make_counting)
    batched: Any = make_batched("my_env", CFG, 2, worker_index=3, first_env_id=10)
    name, cfg, config = batched.envs[1].made_with
    assert (name, cfg) == ("my_env", CFG)
    assert config == {"worker_index": 3, "vector_index": 1, "env_id": 11, "num_envs": 2, "is_training": True}
    assert config.env_id == 11
    with pytest.raises(ValueError, match="render_mode"):
        create_env("my_env", CFG, None, "human")


@pytest.mark.parametrize(
    ("make", "adapter", "num_rows"),
    [(make_counting, GymnasiumList, 3), (make_duel, MultiAgentList, 6), (make_vector, VectorEnvAdapter, 3)],
)
def test_the_adapter_follows_from_what_was_made(make, adapter, num_rows):
    register_env("some", make)
    batched = make_batched("some", CFG, 3)
    assert isinstance(batched, adapter) and batched.num_rows == num_rows


def test_native_batches_are_used_as_they_are():
    assert isinstance(make_batched("tmaze_4", CFG, 7), TMaze)


def test_what_cannot_be_batched_is_refused():
    register_env("nothing", lambda *_: object())
    with pytest.raises(ValueError, match=r"'nothing' is a builtins\.object"):
        make_batched("nothing", CFG, 1)
    register_env("few", lambda name, cfg, config: make_vector(name, cfg, SimpleNamespace(num_envs=2)))
    for num_envs in (1, 3):
        with pytest.raises(ValueError, match=f"num_envs={num_envs} and made 2 rows"):
            make_batched("few", CFG, num_envs)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [("CartPole-v1", "gym_CartPole-v1"), ("tmaz_10", "tmaze_10"), ("my_cstom_env", "my_custom_env")],
)
def test_unknown_names_get_suggestions_in_one_line(name, suggestion):
    register_env("my_custom_env", make_counting)
    with pytest.raises(ValueError, match=f"unknown environment '{name}'; did you mean .*{suggestion}") as caught:
        resolve(name)
    assert "\n" not in str(caught.value)


def test_missing_package_names_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "sample_factory.envs.doom.family", None)
    monkeypatch.setitem(sys.modules, "sample_factory.envs.doom", SimpleNamespace())
    with pytest.raises(ValueError, match=r"pip install 'sample-factory\[vizdoom\]'"):
        resolve("doom_basic")

    def needs_a_package(*_):
        raise ModuleNotFoundError("No module named 'mujoco'", name="mujoco")

    registry.register_family(EnvFamily("robot", needs_a_package, extra="mujoco"))
    with pytest.raises(ValueError, match=r"'mujoco': pip install 'sample-factory\[mujoco\]'"):
        create_env("robot", CFG)


def test_a_backend_that_is_missing_has_an_extra_of_its_own():
    def needs_envpool(*_):
        raise ModuleNotFoundError("No module named 'envpool'", name="envpool")

    registry.register_family(EnvFamily("robot", needs_envpool, extra="mujoco"))
    with pytest.raises(ValueError, match=r"'envpool': pip install 'sample-factory\[envpool\]'"):
        create_env("robot", CFG)


def test_names_that_cannot_be_listed_do_not_keep_others_from_being_suggested():
    def needs_a_package():
        raise ModuleNotFoundError("No module named 'robots'", name="robots")

    registry.register_family(EnvFamily("robot_", make_counting, names=needs_a_package))
    with pytest.raises(ValueError, match="did you mean tmaze_10"):
        resolve("tmaz_10")
    assert "robot_" in registry.known_names()


def test_workers_do_not_load_torch():
    modules = ("validate", "small.tmaze", "gymnasium_family", "envpool_family")
    code = f"import sys, {', '.join(f'sample_factory.envs.{module}' for module in modules)}"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'torch' not in sys.modules"], check=True)


def _rows_in_child(families, answers):
    registrations.restore(families)
    answers.put((make_batched("my_env", CFG, 2).num_rows, resolve("my_env").options is Options))


def test_registrations_reach_a_spawned_process():
    register_env("my_env", make_counting, options=Options)
    context = multiprocessing.get_context("spawn")
    answers = context.SimpleQueue()
    child = context.Process(target=_rows_in_child, args=(registrations.snapshot(), answers))
    child.start()
    child.join()
    assert child.exitcode == 0 and answers.get() == (2, True)
    child.close()
