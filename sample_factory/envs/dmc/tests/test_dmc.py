"""The DeepMind Control suite by name, from dm_control or EnvPool, is the suite. Knows no sampler."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.dmc import family
from sample_factory.envs.dmc.batch import DmcBatch
from sample_factory.envs.dmc.env import DmcEnv
from sample_factory.envs.dmc.tasks import TASKS, find_task
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.registry import create_env, make_batched
from sample_factory.envs.tests.envs_for_tests import Runner
from sample_factory.envs.vector_env import VectorEnvAdapter

HAS_DM_CONTROL = importlib.util.find_spec("dm_control") is not None
HAS_ENVPOOL = importlib.util.find_spec("envpool") is not None
needs_dm_control = pytest.mark.skipif(not HAS_DM_CONTROL, reason="needs the dm_control package")
needs_envpool = pytest.mark.skipif(not HAS_ENVPOOL, reason="EnvPool has no wheel for this Python")
both_backends = pytest.mark.parametrize(
    "backend",
    [pytest.param("gymnasium", marks=needs_dm_control), pytest.param("envpool", marks=needs_envpool)],
)


def make(name, num_envs=2, **given):
    return make_batched(name, SimpleNamespace(**{"env_backend": "auto", "env_frameskip": 1} | given), num_envs)


def suite():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from dm_control import suite
    return suite


@needs_dm_control
def test_the_names_are_those_of_the_suite():
    assert [(task.domain, task.task) for task in TASKS.values()] == list(suite().ALL_TASKS)
    assert find_task("dmc_ball_in_cup_catch") == ("ball_in_cup", "catch")


@needs_envpool
def test_envpool_has_every_task():
    import envpool

    assert {task.envpool_id for task in TASKS.values()} <= set(envpool.list_all_envs())


@needs_dm_control
@needs_envpool
@pytest.mark.parametrize(
    "name",
    [
        "dmc_cartpole_swingup",
        "dmc_finger_spin",
        "dmc_finger_turn_easy",
        "dmc_fish_upright",
        "dmc_fish_swim",
        "dmc_humanoid_run",
        "dmc_humanoid_run_pure_state",
        "dmc_quadruped_walk",
        "dmc_quadruped_escape",
        "dmc_quadruped_fetch",
        "dmc_stacker_stack_2",
        pytest.param("dmc_dog_run", marks=pytest.mark.slow),
        pytest.param("dmc_dog_fetch", marks=pytest.mark.slow),
    ],
)
def test_both_backends_observe_the_same_parts_in_the_same_places(name):
    task = TASKS[name]
    theirs, ours = DmcEnv(task), DmcBatch(task, 1)
    assert [part for part, _ in theirs._parts] == ours._names
    assert theirs.observation_space == ours.single_observation_space
    assert ours.reset(seed=0)[0].shape == (1, *theirs.reset(seed=0)[0].shape)
    np.testing.assert_array_equal(theirs.action_space.low, ours.single_action_space.low)
    np.testing.assert_array_equal(theirs.action_space.high, ours.single_action_space.high)
    ours.close()


@needs_dm_control
@pytest.mark.parametrize("name", ["dmc_cheetah_run", "dmc_hopper_stand", "dmc_stacker_stack_2"])
def test_steps_as_the_suite_does(name):
    task = TASKS[name]
    ours, theirs = DmcEnv(task), suite().load(task.domain, task.task, task_kwargs={"random": 11})
    observation, _ = ours.reset(seed=11)
    expected = theirs.reset()
    rng, shape = np.random.default_rng(0), ours.action_space.shape
    for _ in range(20):
        parts = [np.ravel(expected.observation[part]) for part in sorted(expected.observation)]
        np.testing.assert_array_equal(observation, np.concatenate(parts).astype(np.float32))
        action = rng.uniform(-1, 1, shape)
        observation, reward, terminated, truncated, info = ours.step(action)
        expected = theirs.step(action)
        assert (reward, terminated, truncated, info) == (expected.reward, False, False, {})


@both_backends
def test_a_seed_gives_the_same_episodes_again_and_each_environment_its_own(backend):
    runner = Runner(make("dmc_cartpole_swingup", env_backend=backend))
    first = runner.reset(seed=5)["obs"]
    stepped = runner.step([0.5, 0.5])[0]["obs"]
    np.testing.assert_array_equal(runner.reset(seed=5)["obs"], first)
    np.testing.assert_array_equal(runner.step([0.5, 0.5])[0]["obs"], stepped)
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(runner.reset(seed=6)["obs"][0], first[1])
    runner.env.close()


@both_backends
@pytest.mark.parametrize("name", ["dmc_cartpole_balance", "dmc_lqr_lqr_2_1"])
def test_an_episode_is_truncated_after_1000_frames_however_long_actions_are_held(name, backend):
    runner = Runner(make(name, 1, env_backend=backend, env_frameskip=7))
    runner.reset(seed=0)
    results = [runner.step([0.0])[1] for _ in range(144)]
    frames = [int(result.frames[0]) for result in results]
    assert frames == [7] * 142 + [6, 0]  # the last step resets
    assert [bool(result.truncated[0]) for result in results] == [False] * 142 + [True, False]
    assert not any(result.terminated[0] for result in results) and results[-1].resets[0]
    runner.env.close()


@both_backends
def test_holding_an_action_is_stepping_with_it_and_adding_the_rewards(backend):
    held, plain = (
        Runner(make("dmc_cartpole_balance", 2, env_backend=backend, env_frameskip=repeat)) for repeat in (4, 1)
    )
    held.reset(seed=2)
    plain.reset(seed=2)
    for action in ([0.3, -0.2], [-1.0, 1.0], [0.0, 0.5]):
        out, result, _ = held.step(action)
        steps = [plain.step(action) for _ in range(4)]
        np.testing.assert_array_equal(out["obs"], steps[-1][0]["obs"])
        np.testing.assert_allclose(result.rewards, sum(step[1].rewards for step in steps), rtol=1e-6)
        assert result.frames.tolist() == [4, 4]
    held.env.close()
    plain.env.close()


class FakePool:
    """Environment i ends when it has been stepped `lengths[i]` times; rewards are 1; observations count steps."""

    def __init__(self, lengths):
        self.lengths, self.steps = np.array(lengths), np.zeros(len(lengths), int)

    def reset(self, seed=None):
        self.steps[:] = 0
        return self._observe(slice(None)), {}

    def step(self, actions, rows=None):
        rows = np.arange(len(self.steps)) if rows is None else rows
        assert len(actions) == len(rows)
        resets = self.steps[rows] == self.lengths[rows]
        self.steps[rows] = np.where(resets, 0, self.steps[rows] + 1)
        ended = self.steps[rows] == self.lengths[rows]
        return self._observe(rows), (~resets).astype(np.float32), ended, np.zeros(len(rows), bool), {}

    def _observe(self, rows):
        return {name: self.steps[rows].astype(np.float64) for name in ("position", "velocity")}


@needs_envpool
def test_the_step_that_only_resets_has_no_reward():
    env = DmcBatch(TASKS["dmc_cartpole_swingup"], 2)
    env.reset(seed=0)
    action = np.zeros((2, 1))
    outcomes = [env.step(action) for _ in range(1001)]
    assert outcomes[-2][3].all() and not outcomes[-1][3].any()
    assert (outcomes[-2][1] > 0).all() and (outcomes[-1][1] == 0).all()
    env.close()


def test_what_ends_while_an_action_is_held_waits_and_is_then_reset_without_holding():
    env = DmcBatch(TASKS["dmc_lqr_lqr_2_1"], 2, repeat=3)
    env._pool = FakePool([4, 100])
    env.reset()
    outcomes = [env.step(np.zeros((2, 1))) for _ in range(4)]
    assert [outcome[0][:, 0].tolist() for outcome in outcomes] == [[3, 3], [4, 6], [0, 9], [3, 12]]
    assert [outcome[1].tolist() for outcome in outcomes] == [[3, 3], [1, 3], [0, 3], [3, 3]]
    assert [outcome[2].tolist() for outcome in outcomes] == [[False, False], [True, False], [False] * 2, [False] * 2]
    assert [outcome[4]["num_frames"].tolist() for outcome in outcomes] == [[3, 3], [1, 3], [1, 3], [3, 3]]


@needs_dm_control
@pytest.mark.parametrize(("discount", "ends"), [(0.0, (True, False)), (1.0, (False, True)), (None, (False, False))])
def test_only_a_discount_of_0_terminates(discount, ends, monkeypatch):
    env = DmcEnv(TASKS["dmc_pendulum_swingup"], repeat=3)
    env.reset(seed=0)
    monkeypatch.setattr(env._task, "get_termination", lambda physics: discount)
    _, _, terminated, truncated, info = env.step(np.zeros(1))
    assert (terminated, truncated) == ends
    assert info == ({} if discount is None else {"num_frames": 1})


@both_backends
def test_an_lqr_that_has_come_to_rest_terminates(backend):
    runner = Runner(make("dmc_lqr_lqr_2_1", 1, env_backend=backend))
    observation = runner.reset(seed=0)["obs"][0]
    for _ in range(900):
        out, result, _ = runner.step([-20.0 * observation[2]])  # the actuated joint is braked
        observation = out["obs"][0]
        if result.terminated[0]:
            break
    assert result.terminated[0] and not result.truncated[0]
    runner.env.close()


@needs_dm_control
def test_the_ground_of_quadruped_escape_needs_no_opengl(monkeypatch):
    env = DmcEnv(TASKS["dmc_quadruped_escape"])
    env.reset(seed=0)
    assert env._physics.contexts is None


@needs_dm_control
@needs_envpool
def test_auto_prefers_envpool_where_it_is_installed(monkeypatch):
    assert isinstance(make("dmc_cartpole_swingup"), VectorEnvAdapter)
    monkeypatch.setattr(family.importlib.util, "find_spec", lambda name: None if name == "envpool" else object())
    assert isinstance(make("dmc_cartpole_swingup"), GymnasiumList)


@needs_dm_control
def test_auto_is_dm_control_where_envpool_is_known_to_differ(monkeypatch):
    assert {name for name, task in TASKS.items() if not task.envpool_is_faithful} == {
        "dmc_ball_in_cup_catch",
        "dmc_cartpole_two_poles",
        "dmc_cartpole_three_poles",
    }
    assert isinstance(make("dmc_ball_in_cup_catch"), GymnasiumList)
    monkeypatch.setattr(family.importlib.util, "find_spec", lambda name: None if name == "dm_control" else object())
    with pytest.raises(ValueError, match="'dm_control', which is not installed; --env_backend=envpool has it"):
        make("dmc_ball_in_cup_catch")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("dmc_cartpole_swing_up", "did you mean dmc_cartpole_swingup"),
        ("dmc_humanoid_cmu_run", "did you mean dmc_humanoid_CMU_run"),
        ("dmc_CartpoleSwingup", "unknown environment 'dmc_CartpoleSwingup'"),
    ],
)
def test_unknown_names_get_the_nearest_ones(name, message):
    with pytest.raises(ValueError, match=message) as error:
        make(name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("version", ["4.0.0", "12.1"])
def test_a_mujoco_that_crashes_dm_control_is_refused_before_it_is_imported(version, monkeypatch):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    with pytest.raises(ValueError, match=rf"dm_control crashes with MuJoCo {version}.*pip install 'mujoco<4'") as error:
        make("dmc_cartpole_swingup", env_backend="gymnasium")
    assert "\n" not in str(error.value)


@needs_dm_control
def test_an_environment_to_be_shown_is_dm_controls():
    env = create_env("dmc_cartpole_swingup", SimpleNamespace(env_backend="auto"), None, "rgb_array")
    assert isinstance(env, DmcEnv) and env.metadata["render_modes"] == ["rgb_array"]
    assert env.metadata["render_fps"] == pytest.approx(100)
