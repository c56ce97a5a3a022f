"""An environment shows what DeepMind Lab shows, pays what learning needs, and reports what counts."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs.contract import new_step_arrays
from sample_factory.envs.dmlab.family import FAMILY, check_dataset
from sample_factory.envs.dmlab.instructions import make_encoder
from sample_factory.envs.dmlab.lab import load_module
from sample_factory.envs.dmlab.levels import level_paths
from sample_factory.envs.dmlab.rewards import shaped
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import EnvConfig, create_env, make_batched
from sample_factory.envs.validate import describe

LANGUAGE = "dmlab_language_select_described_object"


def options(tmp_path, **changes) -> SimpleNamespace:
    values = {"env_frameskip": 4, "pixel_format": "CHW", "num_workers": 1, "num_envs_per_worker": 2, "seed": 3}
    values |= {"train_dir": str(tmp_path), "experiment": "x", "experiments_root": None}
    values |= {"dmlab_level_cache_path": str(tmp_path / "cache")}
    return SimpleNamespace(**values | changes)


@pytest.fixture
def short_episodes(monkeypatch):
    monkeypatch.setenv("DEEPMIND_LAB_STAND_IN", json.dumps({"episode_seconds": 1}))


def place(env_id: int = 0, is_training: bool = True) -> EnvConfig:
    return EnvConfig(worker_index=0, vector_index=env_id, env_id=env_id, num_envs=2, is_training=is_training)


def play(env, seed: int | None = 0, max_steps: int = 1000) -> tuple[list[float], dict]:
    """Rewards of an episode of random actions, and the last info."""
    env.reset(seed=seed)
    rng, rewards = np.random.default_rng(0), []
    for _ in range(max_steps):
        _, reward, terminated, truncated, info = env.step(rng.integers(env.action_space.n))
        rewards.append(reward)
        assert not truncated
        if terminated:
            return rewards, info
    raise AssertionError("the episode does not end")


def test_observations_are_images_and_numbers_of_words(deepmind_lab, tmp_path):
    env = create_env(LANGUAGE, options(tmp_path), place())
    observation, _ = env.reset(seed=1)
    assert observation in env.observation_space and observation["obs"].shape == (3, 72, 96)
    text = env.overlay()["instruction"]
    assert text and observation["INSTR"].tolist() == make_encoder("md5")(text).tolist()
    env.close()
    env.close()


def test_sizes_actions_and_instructions_can_be_chosen(deepmind_lab, tmp_path):
    changes = {"res_w": 64, "res_h": 48, "dmlab_extended_action_set": True, "dmlab_with_instructions": False}
    env = create_env(LANGUAGE, options(tmp_path, **changes), place())
    observation, _ = env.reset(seed=1)
    assert set(observation) == {"obs"} and observation["obs"].shape == (3, 48, 64) and env.action_space.n == 15
    env.close()


def test_the_raw_score_is_reported_and_rewards_are_shaped(deepmind_lab, short_episodes, tmp_path, monkeypatch):
    raw: list[float] = []
    env = create_env("dmlab_30", options(tmp_path, num_envs_per_worker=30, dmlab30_dataset="dummy"), place(5))
    step = env._lab.step

    class Listening:
        def __getattr__(self, name):
            return getattr(lab, name)

        def step(self, *args, **kwargs):
            raw.append(step(*args, **kwargs))
            return raw[-1]

    lab, env._lab = env._lab, Listening()
    rewards, info = play(env)
    assert rewards == [shaped(value) for value in raw]
    name = "z_05_language_select_described_object"
    assert info["true_objective"] == sum(raw) == info["episode_extra_stats"][f"{name}_dmlab_raw_score"]
    assert info["episode_extra_stats"][f"{name}_len"] == 4 * len(raw)
    env.close()


def test_what_was_seen_last_stands_for_the_observation_that_does_not_exist(deepmind_lab, short_episodes, tmp_path):
    env = make_batched(LANGUAGE, options(tmp_path), 1)
    env.shows_last = True
    before, out = zero_rows(env.keys, 1), zero_rows(env.keys, 1)
    env.reset(0, out)
    result = new_step_arrays(1)
    while not result.terminated[0]:
        before = {name: array.copy() for name, array in out.items()}
        for array in out.values():
            array[...] = 1
        env.step(np.zeros((1, 1), np.int32), out, result)
    assert all((out[name] == before[name]).all() for name in out) and out["obs"].any()
    env.step(np.zeros((1, 1), np.int32), out, result)
    assert result.resets[0] and not result.valid[0]
    env.close()


def test_levels_go_to_environments_in_turn(deepmind_lab, tmp_path):
    cfg = options(tmp_path, num_envs_per_worker=30, dmlab30_dataset="dummy")
    paths = level_paths("dmlab_30")
    for number in (0, 11, 29):
        env = create_env("dmlab_30", cfg, place(number))
        assert env._play.level == paths[number] and env._play.task == number
        env.close()


def test_levels_of_an_experiment_are_never_played_twice(deepmind_lab, short_episodes, tmp_path):
    (tmp_path / "x").mkdir()
    name = "dmlab_explore_goal_locations_small"
    played: list[int] = []
    for _ in range(2):  # the second time it resumes
        env = create_env(name, options(tmp_path), place())
        played += [env.reset(seed=0 if first else None)[1]["seed"] for first in (True, False, False)]
        env.policy_index = 1
        env.reset()
        env.close()
    assert len(set(played)) == 6
    files = sorted(path.relative_to(tmp_path / "x") for path in (tmp_path / "x").rglob("*.dm_lvl_seeds"))
    assert [path.parts[0] for path in files] == ["dmlab_used_lvl_seeds_p00", "dmlab_used_lvl_seeds_p01"]
    assert [int(line) for line in (tmp_path / "x" / files[0]).read_text().split()] == played


def test_levels_that_were_compiled_once_are_played_by_the_next_experiment(deepmind_lab, tmp_path):
    name, seeds, caches = "dmlab_explore_goal_locations_small", [], []
    for experiment in ("a", "b"):
        (tmp_path / experiment).mkdir()
        cfg = options(tmp_path)
        cfg.experiment, cfg.num_envs_per_worker = experiment, 1
        env = create_env(name, cfg, place())
        seeds.append({env.reset(seed=0 if first else None)[1]["seed"] for first in (True, False)})
        caches.append((env._cache.hits, env._cache.misses))
        env.close()
    assert seeds[0] == seeds[1] and caches == [(0, 2), (2, 0)]


def test_episodes_say_whether_their_levels_came_from_the_cache(deepmind_lab, short_episodes, tmp_path):
    told = []
    for experiment in ("a", "b"):
        (tmp_path / experiment).mkdir()
        env = create_env("dmlab_explore_goal_locations_small", options(tmp_path, experiment=experiment), place())
        for seed in (0, None):
            _, info = play(env, seed)
            told.append([info["episode_extra_stats"][f"dmlab_{of}"] for of in ("levels_from_cache", "compile_seconds")])
        env.close()
    assert [share for share, _ in told] == [0, 0, 1, 1]
    assert all((seconds > 0) == (share == 0) for share, seconds in told)


def test_levels_that_need_no_compiler_say_nothing_of_the_cache(deepmind_lab, short_episodes, tmp_path):
    env = create_env("dmlab_collect_good_objects", options(tmp_path), place())
    play(env)
    _, info = play(env)
    assert not [name for name in info["episode_extra_stats"] if "cache" in name or "compile" in name]
    env.close()


def test_evaluation_draws_its_levels_from_its_seed_and_records_nothing(deepmind_lab, tmp_path):
    (tmp_path / "x").mkdir()
    env = create_env(LANGUAGE, options(tmp_path), place(is_training=False))
    assert [env.reset(seed=seed)[1]["seed"] for seed in (1, 1)] == [env.reset(seed=1)[1]["seed"]] * 2
    assert env.reset(seed=2)[1]["seed"] != env.reset(seed=1)[1]["seed"]
    assert not list((tmp_path / "x").iterdir())
    env.close()


def test_levels_kept_for_evaluation_are_played_if_asked_for(deepmind_lab, tmp_path):
    cfg = options(tmp_path, dmlab_use_test_levels=True)
    env = create_env("dmlab_benchmark", cfg, place(is_training=False))
    assert env._play.level.endswith("collect_good_objects_test") and env._play.name.endswith("objects_train")
    env.reset(seed=0)
    env.close()


def test_the_benchmark_ignores_actions(deepmind_lab, tmp_path):
    env = create_env(LANGUAGE, options(tmp_path, dmlab_throughput_benchmark=True), place())
    assert "INSTR" not in env.observation_space.spaces
    assert {env.reset(seed=seed)[1]["seed"] for seed in (1, 2)} == {42}
    env.close()


def test_it_passes_the_check_of_every_run(deepmind_lab, tmp_path):
    found = describe(LANGUAGE, options(tmp_path))
    assert set(found.keys) == {"obs", "INSTR"} and found.keys["INSTR"].kind == "text"


def test_frames_are_shown_on_request(deepmind_lab, tmp_path):
    env = create_env(LANGUAGE, options(tmp_path), place(), render_mode="rgb_array")
    observation, _ = env.reset(seed=1)
    assert (env.render() == observation["obs"].transpose(1, 2, 0)).all()
    env.close()
    with pytest.raises(ValueError, match="no window"):
        create_env(LANGUAGE, options(tmp_path), place(), render_mode="human")


def test_a_missing_level_is_one_line(deepmind_lab, tmp_path):
    with pytest.raises(ValueError, match=r"cannot open level 'no_such'.*no_such.lua") as raised:
        create_env("dmlab_no_such", options(tmp_path), place())
    assert "\n" not in str(raised.value)


def test_without_the_module_it_is_said_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "deepmind_lab", None)
    with pytest.raises(ValueError, match=r"need the module 'deepmind_lab'.*bazel"):
        load_module()
    with pytest.raises(ValueError, match="bazel"):
        create_env(LANGUAGE, options(tmp_path), place())


def test_photographs_are_asked_for_before_anything_starts(tmp_path):
    with pytest.raises(ValueError, match=r"arbitrary_visuomotor.*continuous_recognition.*2400 of 2400 are missing"):
        check_dataset(level_paths("dmlab_30"), str(tmp_path))
    check_dataset(level_paths("dmlab_watermaze"), str(tmp_path))
    check_dataset(level_paths("dmlab_30"), "dummy")
    for number in range(1, 2401):
        (tmp_path / f"{number:04d}.png").touch()
    check_dataset(level_paths("dmlab_30"), str(tmp_path))
    (tmp_path / "0007.png").unlink()
    with pytest.raises(ValueError, match=r"1 of 2400 are missing there \(0007.png the first\)"):
        check_dataset(level_paths("dmlab_psychlab_continuous_recognition"), str(tmp_path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"res_w": 95}, "--res_w=95 must be a positive multiple of 4"),
        ({"dmlab_gpus": ()}, "--dmlab_gpus"),
        ({"dmlab_level_cache_max_gb": 0}, "--dmlab_level_cache_max_gb=0 must be more than 0"),
        ({"dmlab_max_compiles": 0}, "--dmlab_max_compiles=0"),
    ],
)
def test_bad_options_are_named(changes, message):
    assert FAMILY.options is not None
    with pytest.raises(ValueError, match=message):
        FAMILY.options(**changes)
