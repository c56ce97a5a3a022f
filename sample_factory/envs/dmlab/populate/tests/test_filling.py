"""The tool with processes that work, fail, die and are interrupted. Knows neither DeepMind Lab nor the real store."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sample_factory.envs.dmlab.populate import crew
from sample_factory.envs.dmlab.populate.filling import fill
from sample_factory.envs.dmlab.populate.options import PopulateOptions
from sample_factory.envs.dmlab.populate.tests.labs_for_tests import FolderOfLevels, open_lab, open_missing_lab


@pytest.fixture(autouse=True)
def _own_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def run(
    path: Path,
    levels: Mapping[str, int],
    max_levels: int = 10_000,
    open_lab: Callable[..., Any] = open_lab,
    **options: Any,
) -> int:
    config = PopulateOptions(
        dmlab_level_cache_path=str(path), **{"num_workers": 2, "min_free_gb": 0.0, "target": 5, **options}
    )
    return fill(config, levels, open_lab, partial(FolderOfLevels, path, max_levels))


def left_over(tmp_path: Path) -> list[str]:
    names = (found.name for found in (tmp_path / "temporary").iterdir())
    return [name for name in names if name.startswith("dmlab_populate_")]


def test_all_targets_are_met_and_a_second_run_has_nothing_to_do(path: Path, tmp_path: Path, capsys: Any) -> None:
    levels = {"contributed/dmlab30/one": 2000, "contributed/dmlab30/other": 3000}
    assert run(path, levels, target=None, train_for_env_steps=2_000_000) == 0
    store = FolderOfLevels(path)
    assert [len(store.seeds(level)) for level in levels] == [4, 6]
    assert "There is enough of every level: 10" in capsys.readouterr().out
    assert left_over(tmp_path) == []
    keys = store.keys()
    assert run(path, levels, target=None, train_for_env_steps=2_000_000) == 0
    assert store.keys() == keys
    assert run(path, levels, target=None, train_for_env_steps=3_000_000) == 0
    assert [len(store.seeds(level)) for level in levels] == [6, 9]


def test_a_worker_that_dies_is_replaced(path: Path, tmp_path: Path, capsys: Any) -> None:
    assert run(path, {"a/kills_its_process": 1}, target=12) == 0
    assert len(FolderOfLevels(path).seeds("a/kills_its_process")) == 12
    said = capsys.readouterr().out
    assert "a/kills_its_process: its process ended with exit code 1: Didn't find map" in said
    assert left_over(tmp_path) == [], "files of dead processes are removed as well"


def test_a_level_that_cannot_be_made_does_not_keep_the_others_from_it(path: Path, capsys: Any) -> None:
    levels = {"a/never_compiles": 1, "a/always_kills_its_process": 1, "a/good": 1}
    assert run(path, levels) == 1
    assert len(FolderOfLevels(path).seeds("a/good")) == 5
    said = capsys.readouterr().out
    assert "a/never_compiles: 0 of 5; given up: RuntimeError: Failed to start environment" in said
    assert "a/always_kills_its_process: 0 of 5; given up: its process ended with SIGKILL" in said


def test_a_level_with_few_layouts_comes_to_an_end(path: Path) -> None:
    assert run(path, {"a/few_layouts": 1}, target=60) == 0
    store = FolderOfLevels(path)
    assert len(store.keys()) == 5 and len(store.seeds("a/few_layouts")) == 60


def test_it_stops_when_the_cache_is_full(path: Path, capsys: Any) -> None:
    assert run(path, {"a/good": 1}, max_levels=3, target=1000) == 1
    said = capsys.readouterr().out
    assert "Ended early: the cache takes no more levels" in said and "a/good: 3 of 1,000" in said


def test_it_stops_before_the_disk_is_full(path: Path, capsys: Any) -> None:
    assert run(path, {"a/good": 1}, min_free_gb=1e9) == 1
    assert "less than --min_free_gb=" in capsys.readouterr().out
    assert FolderOfLevels(path).keys() == []


def test_a_mistake_of_the_user_ends_it_at_once_with_one_line(path: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="the package deepmind_lab is missing"):
        run(path, {"a/good": 1}, open_lab=open_missing_lab)
    assert left_over(tmp_path) == []
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"--dmlab_level_cache_path=.* cannot be made"):
        run(tmp_path / "file" / "cache", {"a/good": 1})


def test_a_worker_that_is_stuck_is_killed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "_STUCK_SEC", 0.5)
    assert run(path, {"a/takes_for_ever": 1}, target=1, num_workers=1) == 1


def test_an_interruption_ends_it_cleanly_with_status_2(path: Path) -> None:
    module = "sample_factory.envs.dmlab.populate.tests.fills_slowly"
    process = subprocess.Popen(
        [sys.executable, "-m", module, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    store = FolderOfLevels(path)
    try:
        while not store.keys():
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)  # all of them, as a terminal does
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 2
    assert errors == "interrupted; the levels that have been made are in the cache\n"
    assert len(store.keys()) == len(store.seeds("a/slow")) < 1000
