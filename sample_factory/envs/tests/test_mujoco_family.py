"""MuJoCo tasks by name, from Gymnasium or EnvPool, are Gymnasium's. Knows no sampler."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs import mujoco_family, mujoco_process
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.mujoco_family import TASKS
from sample_factory.envs.registry import create_env, make_batched, resolve
from sample_factory.envs.tests.envs_for_tests import Runner
from sample_factory.envs.vector_env import VectorEnvAdapter

pytest.importorskip("mujoco", reason="needs the mujoco package")

HAS_ENVPOOL = importlib.util.find_spec("envpool") is not None
BACKENDS = [
    "gymnasium",
    pytest.param("envpool", marks=pytest.mark.skipif(not HAS_ENVPOOL, reason="EnvPool has no wheel for this Python")),
]
both_backends = pytest.mark.parametrize("backend", BACKENDS)


def make(name, num_envs=2, **given):
    options = {"env_backend": "auto", "env_frameskip": 1, "env_kwargs": "{}"} | given
    return make_batched(name, SimpleNamespace(**options), num_envs)


@both_backends
@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_gymnasiums_spaces(task, backend):
    env, reference = make(f"mujoco_{task}", env_backend=backend), gym.make(TASKS[task])
    assert env.keys["obs"].shape == reference.observation_space.shape
    np.testing.assert_allclose(env.actions.space.low, reference.action_space.low)
    np.testing.assert_allclose(env.actions.space.high, reference.action_space.high)
    env.close()


def test_version_5_of_each_task_that_gymnasium_has_is_there():
    known = {gym_id for gym_id, spec in gym.registry.items() if "envs.mujoco" in str(spec.entry_point)}
    assert {gym_id for gym_id in known if gym_id.endswith("-v5")} == set(TASKS.values())


@both_backends
def test_names_of_the_first_generation(backend):
    env = make("mujoco_halfcheetah", env_backend=backend)
    assert env.keys["obs"].shape == (17,)
    env.close()


@both_backends
def test_a_seed_gives_the_same_episodes_again_and_each_environment_its_own(backend):
    runner = Runner(make("mujoco_hopper", env_backend=backend))
    first = runner.reset(seed=5)["obs"]
    stepped = runner.step(np.full((2, 3), 0.3))[0]["obs"]
    np.testing.assert_array_equal(runner.reset(seed=5)["obs"], first)
    np.testing.assert_array_equal(runner.step(np.full((2, 3), 0.3))[0]["obs"], stepped)
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(runner.reset(seed=6)["obs"][0], first[1])
    runner.env.close()


@both_backends
def test_the_limit_of_time_truncates(backend):
    runner = Runner(make("mujoco_reacher", env_backend=backend))
    runner.reset(seed=0)
    for step in range(1, 51):
        _, result, _ = runner.step(np.zeros((2, 2)))
        assert result.truncated.tolist() == [step == 50] * 2 and not result.terminated.any()
    assert runner.step(np.zeros((2, 2)))[1].resets.all()
    runner.env.close()


@both_backends
def test_what_is_unhealthy_terminates(backend):
    runner = Runner(make("mujoco_inverted_pendulum", env_backend=backend))
    runner.reset(seed=0)
    results = [runner.step(np.full((2, 1), 3.0))[1] for _ in range(30)]
    first = next(result for result in results if result.terminated.any())
    assert not any(result.truncated.any() for result in results) and first.valid.all()
    runner.env.close()


@both_backends
@pytest.mark.parametrize("task", ["half_cheetah", "hopper", "walker2d"])
def test_the_same_state_and_actions_give_gymnasiums_rewards_and_observations(task, backend):
    runner, reference = Runner(make(f"mujoco_{task}", 1, env_backend=backend)), gym.make(TASKS[task]).unwrapped
    observation = runner.reset(seed=3)["obs"][0]
    reference.reset()
    hidden_x = np.concatenate(([0.0], observation))
    reference.set_state(hidden_x[: reference.model.nq], hidden_x[reference.model.nq :])
    rng = np.random.default_rng(0)
    for _ in range(5):
        action = rng.uniform(-1, 1, reference.model.nu)
        out, result, _ = runner.step(action)
        expected, reward, terminated, *_ = reference.step(action)
        np.testing.assert_allclose(out["obs"][0], expected, atol=1e-4)
        np.testing.assert_allclose(result.rewards[0], reward, atol=1e-4)
        assert result.terminated[0] == terminated
    runner.env.close()


def test_gymnasiums_environments_have_no_wrapper_but_the_time_limit():
    env = create_env("mujoco_hopper", SimpleNamespace(env_backend="gymnasium"))
    assert type(env) is gym.wrappers.TimeLimit and env.env is env.unwrapped


def test_keyword_arguments_reach_both_simulators():
    plain, given = (
        [make("mujoco_half_cheetah", 1, env_backend="gymnasium", env_kwargs=text).keys["obs"].shape]
        for text in ("{}", '{"exclude_current_positions_from_observation": false}')
    )
    assert (plain, given) == ([(17,)], [(18,)])
    if HAS_ENVPOOL:
        text = '{"exclude_current_positions_from_observation": false}'
        assert make("mujoco_half_cheetah", 1, env_backend="envpool", env_kwargs=text).keys["obs"].shape == (18,)


def test_auto_is_envpool_where_it_is_installed_and_gymnasium_where_there_are_keyword_arguments(monkeypatch):
    if HAS_ENVPOOL:
        assert isinstance(make("mujoco_hopper"), VectorEnvAdapter)
    assert isinstance(make("mujoco_hopper", env_kwargs='{"healthy_z_range": [0.6, 9.0]}'), GymnasiumList)
    monkeypatch.setattr(mujoco_family.importlib.util, "find_spec", lambda name: None)
    assert isinstance(make("mujoco_hopper"), GymnasiumList)


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("mujoco_hoper", {}, "unknown environment 'mujoco_hoper'; did you mean mujoco_hopper"),
        ("mujoco_Hopper", {}, "did you mean mujoco_hopper"),
        ("mujoco_hopper", {"env_frameskip": 4}, "--env_frameskip=4 is not available for --env=mujoco_hopper"),
        ("mujoco_hopper", {"env_kwargs": '{"colour": 1}'}, "refuses --env_kwargs="),
        pytest.param(
            "mujoco_hopper",
            {"env_backend": "envpool", "env_kwargs": '{"healthy_z_range": [1, 2]}'},
            "no setting 'healthy_z_range'; did you mean healthy_z_min",
            marks=pytest.mark.skipif(not HAS_ENVPOOL, reason="EnvPool has no wheel for this Python"),
        ),
    ],
)
def test_says_in_one_line_what_is_wrong(name, given, message):
    with pytest.raises(ValueError, match=message) as error:
        make(name, **given)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("backend", "missing"), [("gymnasium", "mujoco"), ("envpool", "envpool")])
def test_the_extra_for_a_missing_package_is_that_of_the_backend(backend, missing, monkeypatch):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ValueError, match=rf"needs the package '{missing}': pip install 'sample-factory\[{missing}\]'"):
        make("mujoco_hopper", env_backend=backend)


def test_the_network_is_that_of_the_first_generation():
    defaults = resolve("mujoco_hopper").default_overrides("mujoco_hopper")
    facts = {"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco", "hidden_size": 64, "encoder_extra_fc_layers": 0}
    assert (facts | {"env_frameskip": 1, "nonlinearity": "tanh"}).items() <= defaults.items()


def test_a_task_may_have_defaults_of_its_own_by_each_of_its_names():
    family = resolve("mujoco_hopper")
    usual = family.default_overrides("mujoco_hopper")
    own = family.default_overrides("mujoco_half_cheetah")
    assert usual.items() <= own.items() and own["initial_stddev"] == 0.4
    assert family.default_overrides("mujoco_halfcheetah") == own


def test_a_warning_is_logged_once_and_what_is_deprecated_never(caplog, monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(mujoco_process, "_seen", set())
    monkeypatch.chdir(tmp_path)
    with caplog.at_level(logging.WARNING):
        make("mujoco_half_cheetah", 1, env_backend="gymnasium")  # whose model has a deprecated attribute
        assert not caplog.records
        for time in (1, 2):
            mujoco_process.report(f"The simulation is unstable. Time = {time}.")
    assert [record.getMessage() for record in caplog.records] == ["MuJoCo: The simulation is unstable. Time = 1."]
    assert not os.listdir(tmp_path) and not capfd.readouterr().err


def test_an_environment_to_be_shown_is_gymnasiums():
    env = create_env("mujoco_hopper", SimpleNamespace(env_backend="auto"), None, "human")
    assert env.render_mode == "human"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems draw without a display in other ways")
@pytest.mark.parametrize("name", ["mujoco_hopper", "dmc_cartpole_swingup"])
def test_draws_without_a_display(name):
    if name.startswith("dmc_"):
        pytest.importorskip("dm_control", reason="needs the dm_control package")
    _run_without_display(
        "from types import SimpleNamespace\n"
        "from sample_factory.envs.registry import create_env\n"
        f"env = create_env({name!r}, SimpleNamespace(), None, 'rgb_array')\n"
        "env.reset(seed=0)\n"
        "image = env.render()\n"
        "assert image.shape == (480, 480, 3) or image.shape == (480, 640, 3), image.shape\n"
        "assert image.std() > 1\n"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="other systems draw without a display in other ways")
@pytest.mark.parametrize("task", ["ant", "half_cheetah", "hopper", "humanoid", "swimmer", "walker2d"])
def test_the_camera_goes_along(task):
    """The floor has no colours, the body has, and a jump of 30 m would leave it far behind."""
    _run_without_display(
        "from types import SimpleNamespace\n"
        "from sample_factory.envs.registry import create_env\n"
        f"env = create_env('mujoco_{task}', SimpleNamespace(), None, 'rgb_array').unwrapped\n"
        "env.reset(seed=0)\n"
        "there = env.data.qpos.copy()\n"
        "there[0] = 30\n"
        "env.set_state(there, env.data.qvel)\n"
        "image = env.render().astype(int)\n"
        "assert (abs(image[..., 0] - image[..., 2]) > 40).sum() > 500\n"
    )


def _run_without_display(program):
    surroundings = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "MUJOCO_GL")}
    outcome = subprocess.run([sys.executable, "-c", program], env=surroundings, capture_output=True, text=True)
    is_drawn = "AssertionError" in outcome.stderr  # though not as it should be
    if outcome.returncode and not is_drawn and any(text in outcome.stderr for text in ("EGL", "OpenGL", "libGL")):
        pytest.skip("there is no OpenGL here")
    assert outcome.returncode == 0, outcome.stderr
