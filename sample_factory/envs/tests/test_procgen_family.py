"""Procgen's games keep the contract, levels and all. Knows no sampler."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from sample_factory.envs import qt_libraries
from sample_factory.envs.envpool_vector import make_spec
from sample_factory.envs.procgen_family import GAMES, ProcgenOptions
from sample_factory.envs.qt_libraries import explain
from sample_factory.envs.registry import create_env, make_batched
from sample_factory.envs.tests.envs_for_tests import Runner

pytest.importorskip("envpool", reason="EnvPool has no wheel for this Python")


def _problem() -> str | None:
    try:
        make_spec("CoinrunEasy-v0")
    except ValueError as error:
        return str(error)
    return None


if _problem() is not None:
    pytest.skip(f"Procgen cannot run here: {_problem()}", allow_module_level=True)


def options(**given):
    return SimpleNamespace(
        **{
            "env_backend": "auto",
            "env_kwargs": "{}",
            "env_frameskip": None,
            "procgen_num_levels": 0,
            "procgen_start_level": 0,
            "procgen_distribution_mode": "easy",
        }
        | given
    )


def make(name="coinrun", num_envs=2, **given):
    return Runner(make_batched(f"procgen_{name}", options(**given), num_envs))


def levels_of(runner, seed, steps):
    """The seeds of the levels whose episodes end, in order, per row; and everything that is seen, summed up."""
    sums = [runner.reset(seed)["obs"].sum(axis=(1, 2, 3), dtype=np.int64)]
    rng = np.random.default_rng(0)
    levels: list[list[int]] = [[] for _ in range(runner.env.num_rows)]
    for _ in range(steps):
        out, _, episodes = runner.step(rng.integers(15, size=runner.env.num_rows))
        sums.append(out["obs"].sum(axis=(1, 2, 3), dtype=np.int64))
        for episode in episodes:
            levels[episode.row].append(int(episode.info["level_seed"]))
    runner.env.close()
    return levels, np.array(sums)


def test_every_game_runs():
    for game in GAMES:
        runner = make(game, 1)
        out = runner.reset(seed=0)["obs"]
        assert out.shape == (1, 64, 64, 3) and out.dtype == np.uint8 and np.ptp(out) > 50, game
        _, result, _ = runner.step([4])
        assert result.valid.all() and result.frames.tolist() == [1], game
        runner.env.close()


def test_a_seed_gives_the_same_levels_again_and_only_those_asked_for():
    levels, sums = levels_of(make("bigfish", 3, procgen_num_levels=4, procgen_start_level=20), 5, 400)
    again, sums_again = levels_of(make("bigfish", 3, procgen_num_levels=4, procgen_start_level=20), 5, 400)
    assert levels == again
    np.testing.assert_array_equal(sums, sums_again)
    played = {level for row in levels for level in row}
    assert len(played) > 1 and played <= {20, 21, 22, 23}
    other, _ = levels_of(make("bigfish", 3, procgen_num_levels=4, procgen_start_level=20), 6, 400)
    assert other != levels


def test_all_levels_are_more_than_can_be_counted():
    levels, _ = levels_of(make("bigfish", 3), 5, 400)
    played = [level for row in levels for level in row]
    assert len(set(played)) == len(played) and max(played) > 1_000_000


def test_the_step_after_the_end_of_a_level_only_resets():
    runner = make("bigfish", 4)
    runner.reset(seed=0)
    ended, num_ends = np.zeros(4, bool), 0
    for _ in range(200):
        _, result, _ = runner.step([4] * 4)
        np.testing.assert_array_equal(result.resets, ended)
        np.testing.assert_array_equal(result.valid, ~ended)
        assert not result.truncated.any()
        ended = result.terminated
        num_ends += int(ended.sum())
    assert num_ends > 2
    runner.env.close()


def test_running_out_of_time_is_a_truncation():
    runner = make("leaper", 1)
    runner.reset(seed=0)
    results = [runner.step([4])[1] for _ in range(501)]
    assert [bool(result.truncated[0]) for result in results] == [False] * 499 + [True, False]
    assert not any(result.terminated[0] for result in results) and results[-1].resets[0]
    runner.env.close()


def test_both_names_are_the_same_game():
    ours, theirs = make("coinrun", 2), Runner(make_batched("envpool_CoinrunEasy-v0", options(), 2))
    first, second = ours.reset(seed=3)["obs"], theirs.reset(seed=3)["obs"]
    for _ in range(20):
        np.testing.assert_array_equal(first, second)  # one declares channels first, both are stored with channels last
        first, second = ours.step([7, 7])[0]["obs"], theirs.step([7, 7])[0]["obs"]
    ours.env.close()
    theirs.env.close()


def test_other_modes_are_other_levels():
    easy, hard = make("coinrun", 1), make("coinrun", 1, procgen_distribution_mode="hard")
    assert not np.array_equal(easy.reset(seed=3)["obs"], hard.reset(seed=3)["obs"])
    easy.env.close()
    hard.env.close()


def test_a_game_can_be_filmed_larger_than_the_agent_sees_it():
    env = create_env("procgen_maze", options(), None, "rgb_array")
    env.reset(seed=0)
    (picture,) = env.render()
    assert picture.shape == (512, 512, 3) and picture.dtype == np.uint8 and np.ptp(picture) > 50
    env.close()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("procgen_coinrum", {}, "no game 'coinrum'; did you mean coinrun"),
        (
            "procgen_coinrun",
            {"procgen_distribution_mode": "memory"},
            "--procgen_distribution_mode=memory is not available for --env=procgen_coinrun; use easy or hard or explo",
        ),
        ("procgen_coinrun", {"env_frameskip": 4}, "--env_frameskip=4 is not available"),
        ("procgen_coinrun", {"env_kwargs": '{"num_levels": 3}'}, "must not have .*num_levels.*--procgen_num_levels"),
        ("procgen_coinrun", {"env_kwargs": '{"use_background": false}'}, "did you mean use_backgrounds"),
    ],
)
def test_says_in_one_line_what_is_wrong(name, given, message):
    with pytest.raises(ValueError, match=message) as error:
        make_batched(name, options(**given), 2)
    assert "\n" not in str(error.value)


def test_levels_are_checked_before_anything_starts():
    with pytest.raises(ValueError, match="--procgen_num_levels=-1 must not be negative"):
        ProcgenOptions(procgen_num_levels=-1)
    with pytest.raises(ValueError, match="--procgen_start_level=5 needs --procgen_num_levels"):
        ProcgenOptions(procgen_start_level=5)
    with pytest.raises(ValueError, match="env_kwargs"):
        ProcgenOptions(env_kwargs="[]")


@pytest.mark.parametrize("task", ["procgen_coinrun", "envpool_CoinrunEasy-v0"])
def test_missing_libraries_are_named_with_the_command(task):
    """In a process of its own: EnvPool looks for the libraries once."""
    code = f"""
import importlib.util
from types import SimpleNamespace
from sample_factory.envs.registry import create_env
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "PyQt5" else real(name, *rest)
create_env({task!r}, SimpleNamespace(**{vars(options())!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    if done.returncode == 0:
        pytest.skip("the system has Qt 5 of its own")
    last = done.stderr.strip().splitlines()[-1]
    assert last == (
        "ValueError: EnvPool's CoinrunEasy-v0 cannot be used: the libraries of Qt 5 are missing: "
        "pip install 'sample-factory[procgen]'"
    )


def test_missing_system_libraries_are_named_with_the_debian_package(monkeypatch):
    reason = "libGL.so.1: cannot open shared object file: No such file or directory"
    assert explain(reason).endswith("sudo apt install libgl1)") and "\n" not in explain(reason)
    assert "apt" not in explain("invalid ELF header")

    def missing(*_, **__):
        raise OSError(reason)

    monkeypatch.setattr(qt_libraries.ctypes, "CDLL", missing)
    if qt_libraries.importlib.util.find_spec("PyQt5"):
        assert "libgl1" in str(qt_libraries.load_qt.__wrapped__())
