"""Sweeping removes what is left over and nothing else."""

import os
import time
from pathlib import Path

import pytest

from sample_factory.envs.doom import shared_memory


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_memory, "_FOLDER", tmp_path)
    return tmp_path


def _objects(folder: Path, instance_id: str, age_sec: float = 0.0) -> None:
    for prefix in ("ViZDoomSM", "ViZDoomMQCtr", "ViZDoomMQDoom"):
        path = folder / f"{prefix}{instance_id}"
        path.touch()
        os.utime(path, (time.time() - age_sec,) * 2)


def test_old_objects_without_a_process_go(folder):
    _objects(folder, "gone", age_sec=3600)
    assert sorted(shared_memory.sweep()) == ["ViZDoomMQCtrgone", "ViZDoomMQDoomgone", "ViZDoomSMgone"]
    assert list(folder.iterdir()) == []


def test_objects_of_games_that_may_just_be_starting_stay(folder):
    _objects(folder, "young")
    assert shared_memory.sweep() == []
    assert len(shared_memory.shared_objects("young")) == 3


def test_given_instances_go_at_once_and_others_stay(folder):
    _objects(folder, "mine")
    _objects(folder, "other")
    assert len(shared_memory.sweep(["mine"])) == 3
    assert shared_memory.shared_objects("mine") == []
    assert len(shared_memory.shared_objects("other")) == 3


def test_objects_of_running_engines_stay_however_old(folder, monkeypatch):
    monkeypatch.setattr(shared_memory, "engine_processes", lambda: {"busy": 1})
    _objects(folder, "busy", age_sec=1e6)
    assert shared_memory.sweep() == []


def test_foreign_files_stay(folder):
    path = folder / "sem.mp-abc"
    path.touch()
    os.utime(path, (0, 0))
    assert shared_memory.sweep() == []
    assert path.exists()


def test_a_process_that_is_no_engine_has_no_instance():
    assert shared_memory.engine_instance(os.getpid()) is None
