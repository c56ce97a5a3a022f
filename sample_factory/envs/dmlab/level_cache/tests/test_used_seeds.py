"""No level is played twice, whatever dies and however a run goes on. Knows no environment."""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import tempfile
import time
from collections.abc import Iterable
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.envs.dmlab.level_cache.tests.uses_seeds import take_until_killed
from sample_factory.envs.dmlab.level_cache.used_seeds import NUM_SEEDS, LevelSeeds

LEVEL = "contributed/dmlab30/explore_object_locations_small"
FILE = f"dmlab_used_lvl_seeds_p00/_{LEVEL}.dm_lvl_seeds"


def seeds(
    cached: Iterable[int] = (),
    *,
    folder: Path | None = None,
    env: int = 0,
    num_envs: int = 1,
    run_seed: int = 0,
    level: str = LEVEL,
) -> LevelSeeds:
    return LevelSeeds(level, cached, run_seed=run_seed, env=env, num_envs=num_envs, folder=folder)


def take(source: LevelSeeds, count: int, policy: int = 0) -> list[int]:
    return [source.next(policy) for _ in range(count)]


@settings(max_examples=60)
@given(
    num_envs=st.lists(st.integers(1, 5), min_size=1, max_size=4),  # one for each start of the run
    cached=st.lists(st.integers(0, 60) | st.integers(0, NUM_SEEDS - 1), max_size=40),
    run_seeds=st.lists(st.integers(0, 2), min_size=4, max_size=4),
    chance=st.randoms(use_true_random=False),
)
def test_no_seed_comes_twice_whatever_dies_and_resumes(
    num_envs: list[int], cached: list[int], run_seeds: list[int], chance: random.Random
) -> None:
    used: set[tuple[int, int]] = set()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for start, run_seed in zip(num_envs, run_seeds, strict=False):

            def begin(env: int, start: int = start, run_seed: int = run_seed) -> LevelSeeds:
                known = [seed for seed in cached if chance.random() < 0.8]  # a cache that changes all the time
                return seeds(known, folder=folder, env=env, num_envs=start, run_seed=run_seed)

            envs = [begin(env) for env in range(start)]
            for _ in range(chance.randrange(60)):
                env, policy = chance.randrange(start), chance.randrange(2)
                if chance.random() < 0.1:
                    envs[env] = begin(env)  # killed and started again
                seed = envs[env].next(policy)
                assert (policy, seed) not in used and 0 <= seed < NUM_SEEDS
                used.add((policy, seed))


@given(st.sets(st.integers(0, 10_000), max_size=60), st.integers(1, 4))
def test_all_seeds_of_the_cache_come_before_any_other(cached: set[int], num_envs: int) -> None:
    found: set[int] = set()
    for env in range(num_envs):
        mine = {seed for seed in cached if seed % num_envs == env}
        assert set(take(seeds(cached, env=env, num_envs=num_envs), len(mine))) == mine
        found |= mine
    assert found == cached


def test_the_order_depends_on_the_run_the_policy_and_the_level_only() -> None:
    cached = list(range(100))

    def order(policy: int = 0, **changes: object) -> list[int]:
        return take(seeds(cached, **changes), 120, policy)

    assert order() == take(seeds(reversed(cached)), 120)
    assert sorted(order()[:100]) == cached
    orders = [order(), order(policy=1), order(run_seed=1), order(level="other")]
    for i, one in enumerate(orders):
        assert all(one[:100] != other[:100] and one[100:] != other[100:] for other in orders[:i])


def test_the_order_of_two_cached_seeds_does_not_change_when_the_cache_grows() -> None:
    few, many = take(seeds(range(0, 100, 2)), 50), take(seeds(range(100)), 100)
    assert [seed for seed in many if seed % 2 == 0] == few


def test_fresh_seeds_that_were_used_before_are_passed_over(tmp_path: Path) -> None:
    first, second = take(seeds(), 20), take(seeds(), 40)
    assert second[:20] == first, "without a record the same come again"
    take(seeds(folder=tmp_path), 20)
    assert take(seeds(folder=tmp_path), 20) == second[20:]


def test_a_seed_is_recorded_before_it_is_used_one_line_each(tmp_path: Path) -> None:
    source = seeds([5, 6, 7], folder=tmp_path)
    for count in range(1, 6):
        seed = source.next(0)
        lines = (tmp_path / FILE).read_text().splitlines()
        assert len(lines) == count and lines[-1] == str(seed)
    source.next(3)
    assert (tmp_path / FILE.replace("p00", "p03")).is_file()


def test_files_of_earlier_versions_and_torn_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"1\n2\r\n\n\xff\xfe\nnan\n-3\n99999999999999999999\n4\n1")
    source = seeds(range(10), folder=tmp_path)
    assert sorted(take(source, 7)) == [0, 3, 5, 6, 7, 8, 9]


def test_a_torn_last_line_is_not_continued(tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(b"17\n123")
    seed = seeds([8], folder=tmp_path).next(0)
    assert seed == 8 and path.read_bytes() == b"17\n123\n8\n"


def test_nothing_is_recorded_without_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(set(take(seeds([1, 2]), 10))) == 10
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_to_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "dmlab_used_lvl_seeds_p00").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        assert len(set(take(seeds([1, 2], folder=tmp_path), 10))) == 10
    assert len(caplog.records) == 1
    assert "cannot record used seeds" in caplog.text


def test_a_line_that_a_full_disk_cuts_off_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    source = seeds([123456, 654321], folder=tmp_path)
    whole_write = os.write
    with monkeypatch.context() as full_disk:
        full_disk.setattr(os, "write", lambda fd, text: whole_write(fd, text[:2]))
        cut = source.next(0)
    kept = source.next(0)
    assert "bytes were written" in caplog.text
    assert (tmp_path / FILE).read_text() == f"{str(cut)[:2]}\n{kept}\n"


def test_a_level_path_does_not_lead_out_of_the_experiment(tmp_path: Path) -> None:
    folder = tmp_path / "experiment"
    seeds(folder=folder, level="/../../../outside").next(0)
    assert [path.name for path in tmp_path.iterdir()] == ["experiment"]


@pytest.mark.parametrize(("env", "num_envs"), [(1, 1), (-1, 2), (0, 0)])
def test_an_environment_that_does_not_exist_is_refused(env: int, num_envs: int) -> None:
    with pytest.raises(ValueError, match="none of the"):
        seeds(env=env, num_envs=num_envs)


def test_no_seed_comes_twice_when_processes_are_killed(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    chance = random.Random(0)
    for num_envs in (3, 2, 4):
        envs: dict[int, SpawnProcess] = {}
        for turn in range(num_envs + 4):
            env = turn % num_envs
            if env in envs:
                _kill(envs.pop(env), chance)
            envs[env] = context.Process(target=take_until_killed, args=(tmp_path, LEVEL, env, num_envs))
            envs[env].start()
        for process in envs.values():
            _kill(process, chance)
    used = [int(line) for path in tmp_path.glob("*.used") for line in path.read_text().splitlines()]
    assert len(used) == len(set(used)) > 100
    assert set(used) <= set(map(int, (tmp_path / FILE).read_text().split()))


def _kill(process: SpawnProcess, chance: random.Random) -> None:
    time.sleep(chance.random() / 2)
    process.kill()
    process.join()
    process.close()
