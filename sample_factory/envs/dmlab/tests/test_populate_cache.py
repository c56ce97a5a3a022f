"""The tool that fills the level cache, as it is started, with the stand-in for DeepMind Lab and the real store."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from sample_factory.envs.dmlab.dmlab_populate_cache import main
from sample_factory.envs.dmlab.lab import open_lab
from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots
from sample_factory.envs.dmlab.level_cache.handover import LevelCache
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.levels import LEVELS

CACHED = [level.path for level in LEVELS if level.levels_per_billion]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def fill(path: Path, *arguments: str) -> int:
    return main([f"--dmlab_level_cache_path={path}", "--min_free_gb=0", "--num_workers=2", *arguments])


@pytest.mark.usefixtures("deepmind_lab")
def test_every_seed_that_was_prepared_plays_without_a_compilation(path, tmp_path):
    assert fill(path, "--target=1") == 0
    store = LevelStore(path)
    cache = LevelCache(store, CompileSlots(1, tmp_path / "places"))
    for level in CACHED:
        (cache.seed,) = store.seeds(level)
        cache.level = level
        lab = open_lab(level, [], {}, level_cache=cache)
        lab.reset(seed=cache.seed)
        lab.close()
    store.close()
    assert (cache.hits, cache.misses, cache.failures) == (len(CACHED), 0, 0)


@pytest.mark.usefixtures("deepmind_lab")
def test_what_is_there_is_not_made_again_and_levels_can_be_chosen(path, capsys):
    arguments = ["--levels", "lasertag_one_opponent_small", CACHED[0], "--train_for_env_steps=1e6"]
    assert fill(path, *arguments) == 0
    seeds = {level: LevelStore(path).seeds(level) for level in CACHED}
    assert {level: len(found) for level, found in seeds.items() if found} == {
        CACHED[0]: 12,
        "contributed/dmlab30/lasertag_one_opponent_small": 3,
    }
    assert fill(path, *arguments) == 0
    assert {level: LevelStore(path).seeds(level) for level in CACHED} == seeds
    assert capsys.readouterr().out.count("There is enough of every level: 15") == 2


@pytest.mark.usefixtures("deepmind_lab")
def test_the_limit_of_the_cache_is_kept(path, capsys):
    # Each of the 256 parts of the cache has room for less than one level.
    assert fill(path, "--target=100", "--dmlab_level_cache_max_gb=1e-5") == 1
    assert "Ended early: the cache takes no more levels" in capsys.readouterr().out
    assert not any(LevelStore(path).seeds(level) for level in CACHED)


@pytest.mark.skipif(importlib.util.find_spec("deepmind_lab") is not None, reason="deepmind_lab is there")
def test_without_deepmind_lab_one_line_says_what_to_install(path, capsys):
    assert fill(path, "--target=1") == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: dmlab environments need the module 'deepmind_lab'")


@pytest.mark.parametrize(
    ("argument", "problem"),
    [
        ("--levels=rooms_watermaze", "rooms_watermaze is no level that is compiled at each reset"),
        ("--target=0", "--target=0 must be at least 1"),
        ("--num_worker=1", "unknown flag --num_worker; did you mean --num_workers?"),
    ],
)
def test_a_mistake_is_one_line(path, capsys, argument, problem):
    assert fill(path, argument) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert problem in line
