"""MiniGrid by its ids, with both backends: the package's rules and observations. Knows no agent."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.minigrid import family
from sample_factory.envs.minigrid.missions import vocabulary
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import EnvConfig, create_env, known_names, make_batched, resolve
from sample_factory.envs.tests.envs_for_tests import Runner
from sample_factory.envs.validate import describe
from sample_factory.envs.vector_env import VectorEnvAdapter

minigrid = pytest.importorskip("minigrid", reason="the extra minigrid is not installed")
has_envpool = importlib.util.find_spec("envpool") is not None
BACKENDS = ["gymnasium", pytest.param("envpool", marks=pytest.mark.skipif(not has_envpool, reason="no EnvPool"))]
FORWARD, LEFT, RIGHT = 2, 0, 1


def options(**given):
    return SimpleNamespace(**{"env_backend": "auto", "env_frameskip": 1} | given)


def make(name, backend="auto", num_envs=3):
    return Runner(make_batched(name, options(env_backend=backend), num_envs))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["MiniGrid-DoorKey-6x6-v0", "BabyAI-GoToLocal-v0"])
def test_observations_are_image_direction_and_mission(name, backend):
    description = describe(name, options(env_backend=backend))
    assert {key: (spec.kind, spec.shape, spec.dtype.name) for key, spec in description.keys.items()} == {
        "obs": ("image", (7, 7, 3), "uint8"),
        "direction": ("integer", (1,), "int32"),
        "mission": ("text", vocabulary(name).space.shape, "int32"),
    }
    assert description.actions.parts[0].size == 7 and description.num_agents == 1


@pytest.mark.parametrize(
    "name",
    ["MiniGrid-DoorKey-6x6-v0", "MiniGrid-Dynamic-Obstacles-6x6-v0", "BabyAI-BossLevel-v0", "MiniGrid-Fetch-5x5-N2-v0"],
)
def test_the_packages_own_observations_rewards_and_ends(name):
    ours, theirs = create_env(name, options(env_backend="gymnasium"), None), gym.make(name).unwrapped
    rng, texts = np.random.default_rng(0), vocabulary(name)
    found, expected = ours.reset(seed=3)[0], theirs.reset(seed=3)[0]
    ended = False
    for _ in range(150):
        np.testing.assert_array_equal(found["obs"], expected["image"])
        assert found["direction"] == expected["direction"]
        assert texts.decode(found["mission"]) == expected["mission"].replace(",", "")
        if ended:
            found, expected = ours.reset()[0], theirs.reset()[0]
        action = int(rng.integers(ours.action_space.n))
        found, *rest, _ = ours.step(action)
        expected, *expected_rest, _ = theirs.step(action)
        assert rest == expected_rest
        ended = rest[1] or rest[2]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_goal_is_worth_less_the_later_it_is_reached(backend):
    runner = make("MiniGrid-Empty-5x5-v0", backend)
    texts = vocabulary("MiniGrid-")
    first = runner.reset(seed=0)
    assert [texts.decode(mission) for mission in first["mission"]] == ["get to the green goal square"] * 3
    for action in (FORWARD, FORWARD, RIGHT, FORWARD):
        result = runner.step([action] * 3)[1]
        assert not result.terminated.any() and not result.rewards.any()
    out, result, episodes = runner.step([FORWARD] * 3)
    assert result.terminated.all() and not result.truncated.any() and len(episodes) == 3
    np.testing.assert_allclose(result.rewards, 1 - 0.9 * 5 / 100)
    assert result.frames.tolist() == [1, 1, 1]
    if backend == "gymnasium":
        assert result.resets.all()
    else:  # EnvPool resets in the next step
        out, result, _ = runner.step([FORWARD] * 3)
        assert result.resets.all() and not result.valid.any() and not result.rewards.any()
    for name, array in out.items():
        np.testing.assert_array_equal(array, first[name])
    runner.env.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_time_limits_truncate(backend):
    runner = make("MiniGrid-Empty-5x5-v0", backend, 2)
    runner.reset(seed=0)
    results = [runner.step([LEFT, LEFT])[1] for _ in range(100)]
    assert not any(result.truncated.any() for result in results[:-1])
    assert results[-1].truncated.all() and not results[-1].terminated.any()
    runner.env.close()


@pytest.mark.parametrize("backend", BACKENDS)
def test_success_in_the_last_step_is_an_end_without_a_future(backend):
    runner = make("MiniGrid-Empty-5x5-v0", backend, 1)
    runner.reset(seed=0)
    for action in (FORWARD, FORWARD, RIGHT, FORWARD, *(95 * [6])):
        assert not runner.step([action])[1].rewards.any()
    _, result, _ = runner.step([FORWARD])
    assert result.terminated.all() and result.rewards[0] == pytest.approx(0.1)
    runner.env.close()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ["MiniGrid-DoorKey-8x8-v0", "BabyAI-GoToLocal-v0"])
def test_a_seed_gives_the_same_levels_again_and_each_environment_its_own(name, backend):
    def play(seed):
        runner = make(name, backend)
        rows = [runner.reset(seed=seed)]
        rows += [runner.step(np.random.default_rng(i).integers(0, 7, 3))[0] for i in range(70)]
        runner.env.close()
        return {key: np.stack([row[key] for row in rows]) for key in rows[0]}

    first, again, other = play(5), play(5), play(6)
    for key, values in first.items():
        np.testing.assert_array_equal(values, again[key])
    assert not np.array_equal(first["obs"], other["obs"])
    np.testing.assert_array_equal(first["obs"][0, 1:], other["obs"][0, :2])
    assert len(np.unique(first["obs"][0], axis=0)) == 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_new_episode_brings_its_own_mission(backend):
    runner = make("BabyAI-GoToLocal-v0", backend, 8)
    mission = runner.reset(seed=0)["mission"]
    num_changes = 0
    for number in range(140):
        out, result, _ = runner.step(np.random.default_rng(number).integers(0, 7, 8))
        changed = (out["mission"] != mission).any(1)
        assert not (changed & ~result.resets).any()
        num_changes += int(changed.sum())
        mission = out["mission"]
    assert num_changes >= 8
    runner.env.close()


def test_every_word_of_the_package_has_a_number_of_its_own():
    # One environment of each class is enough: the sizes differ, not the words.
    classes = {spec.entry_point: gym_id for gym_id, spec in gym.registry.items() if gym_id in set(names())}
    for gym_id in classes.values():
        if "WFC" in gym_id:
            continue
        env = create_env(gym_id, options(env_backend="gymnasium"), None)
        for seed in range(3):
            mission = env.reset(seed=seed)[0]["mission"]
            assert vocabulary(gym_id).decode(mission) == env.unwrapped.mission.replace(",", "")


def names():
    return [*resolve("MiniGrid-").names(), *resolve("BabyAI-").names()]


def test_auto_is_envpool_where_it_has_the_environment(monkeypatch):
    def kind(name, **given):
        env = make_batched(name, options(**given), 2)
        env.close()
        return type(env)

    if has_envpool:
        assert kind("MiniGrid-Empty-5x5-v0") is VectorEnvAdapter
        assert kind("MiniGrid-MultiRoom-N4-S5-v1") is GymnasiumList
    assert kind("BabyAI-SynthS5R2-v0") is GymnasiumList
    assert kind("MiniGrid-Empty-5x5-v0", env_backend="gymnasium") is GymnasiumList
    monkeypatch.setattr(family.importlib.util, "find_spec", lambda _: None)
    assert kind("MiniGrid-Empty-5x5-v0") is GymnasiumList
    with pytest.raises(ValueError, match=r"pip install 'sample-factory\[envpool\]'"):
        kind("MiniGrid-Empty-5x5-v0", env_backend="envpool")


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("MiniGrid-DoorKey-6x6", {}, "MiniGrid has no environment .*did you mean MiniGrid-DoorKey-6x6-v0"),
        ("BabyAI-GoToLokal-v0", {}, "did you mean BabyAI-GoToLocal-v0"),
        ("MiniGrid-Empty-5x5-v0", {"env_frameskip": 4}, "--env_frameskip=4 is not available"),
        pytest.param(
            "MiniGrid-Emty-5x5-v0",
            {"env_backend": "envpool"},
            "EnvPool has no environment .*did you mean MiniGrid-Empty-5x5-v0",
            marks=pytest.mark.skipif(not has_envpool, reason="no EnvPool"),
        ),
        pytest.param(
            "BabyAI-SynthS5R2-v0",
            {"env_backend": "envpool"},
            "use --env_backend=gymnasium",
            marks=pytest.mark.skipif(not has_envpool, reason="no EnvPool"),
        ),
    ],
)
def test_says_in_one_line_what_is_wrong(name, given, message):
    with pytest.raises(ValueError, match=message) as error:
        make_batched(name, options(**given), 2)
    assert "\n" not in str(error.value)


def test_ids_are_suggested_and_defaults_are_those_of_the_family():
    assert {"MiniGrid-DoorKey-6x6-v0", "BabyAI-GoToLocal-v0"} <= set(known_names())
    for name in ("MiniGrid-Empty-5x5-v0", "BabyAI-GoToLocal-v0"):
        defaults = resolve(name).default_overrides(name)
        assert defaults["encoder_subtype"] == "minigrid_convnet_tiny" and defaults["env_frameskip"] == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_shown_is_the_package_whoever_simulates(backend):
    place = EnvConfig(worker_index=0, vector_index=0, env_id=0, num_envs=1, is_training=False)
    env = create_env("MiniGrid-Empty-5x5-v0", options(env_backend=backend), place, "rgb_array")
    env.reset(seed=0)
    assert env.render().shape == (160, 160, 3) and env.metadata["render_fps"] == 10
    batched = make_batched("MiniGrid-Empty-5x5-v0", options(env_backend=backend), 1)
    shown = GymnasiumList("shown", lambda _: env, 1, env)
    assert {key: (spec.kind, spec.shape, spec.dtype) for key, spec in shown.keys.items()} == {
        key: (spec.kind, spec.shape, spec.dtype) for key, spec in batched.keys.items()
    }
    batched.close()


def test_levels_that_are_thrown_away_are_not_printed(capfd):
    env = make_batched("BabyAI-GoToLocal-v0", options(env_backend="gymnasium"), 60)
    env.reset(0, zero_rows(env.keys, 60))
    env.step(np.zeros((60, 1), np.int32), zero_rows(env.keys, 60), new_step_arrays(60))
    assert capfd.readouterr().out == ""
