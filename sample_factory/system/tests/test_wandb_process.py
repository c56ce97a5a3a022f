"""Wandb in its own process: with fakes that hang and crash, and with the real package offline and without a network."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from sample_factory.system.tests.test_wandb_session import warnings
from sample_factory.system.wandb_process import OUTPUT_FILE, WandbProcess

NEEDS_WANDB = pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
_GENEROUS_SEC = 120.0

FAKE = """
import json, os, sys, time
class Run:
    offline, url, dir = False, "https://wandb.test/run", "x"
    def define_metric(self, *args, **kwargs): pass
    def save(self, *args, **kwargs): pass
    def log(self, values):
        print("prints something")
        {on_log}
        with open("logged", "a") as file: print(json.dumps(values), file=file)
    def finish(self):
        {on_finish}
        open("finished", "w").close()
def init(**kwargs):
    {on_init}
    return Run()
"""


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """A module `wandb` for child processes that does as it is told; its files are in the current folder."""

    def install(on_init: str = "pass", on_log: str = "pass", on_finish: str = "pass") -> None:
        (tmp_path / "modules").mkdir()
        text = FAKE.format(on_init=on_init, on_log=on_log, on_finish=on_finish)
        (tmp_path / "modules" / "wandb.py").write_text(text)
        paths = [str(tmp_path / "modules"), str(Path(__file__).parents[3]), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
        monkeypatch.chdir(tmp_path)

    return install


def session(tmp_path, **arguments) -> WandbProcess:
    return WandbProcess("exp_1", tmp_path, project="p", **{"finish_sec": _GENEROUS_SEC} | arguments)


def wait_for(condition) -> None:
    deadline = time.monotonic() + _GENEROUS_SEC
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_scalars_arrive_in_order_and_the_link_is_in_the_log(fake, tmp_path, caplog):
    fake()
    run = session(tmp_path)
    with caplog.at_level(logging.INFO):
        run.start()
        for step in range(3):
            run.log({"a": 0.5}, step)
        run.log({}, 4)
        run.finish()
    logged = [json.loads(line) for line in (tmp_path / "logged").read_text().splitlines()]
    assert logged == [{"a": 0.5, "env_steps": step} for step in range(3)]
    assert (tmp_path / "finished").exists()
    assert "https://wandb.test/run" in caplog.text
    assert not run.is_active
    assert "prints something" in (tmp_path / "wandb" / OUTPUT_FILE).read_text()


@pytest.mark.parametrize("where", ["on_init", "on_log", "on_finish"])
def test_hanging_wandb_holds_up_nothing(fake, tmp_path, caplog, where):
    fake(**{where: "time.sleep(10_000)"})
    run = session(tmp_path, finish_sec=0.5)
    run.start()
    pid = run.pid
    for step in range(5000):  # more than a pipe takes
        run.log({f"tag_{i}": 0.5 for i in range(20)}, step)
    run.finish()
    assert not run.is_active
    assert "not everything is uploaded" in caplog.text
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@pytest.mark.parametrize("where", ["on_init", "on_log"])
def test_crashing_wandb_is_said_once_and_training_goes_on(fake, tmp_path, caplog, where):
    fake(**{where: "os._exit(7)"})
    run = session(tmp_path)
    run.start()
    run.log({"a": 0.5}, 0)

    def has_ended() -> bool:
        run.log({"a": 0.5}, 1)
        return not run.is_active

    wait_for(has_ended)
    run.log({"a": 0.5}, 2)
    run.finish()
    assert [record.levelno for record in warnings(caplog)] == [logging.ERROR]
    assert "exit status 7" in caplog.text


def test_wandb_that_cannot_start_is_said_and_training_goes_on(fake, tmp_path, caplog):
    fake(on_init="raise ConnectionError('no network')")
    run = session(tmp_path)
    run.start()
    run.finish()
    assert [record.levelno for record in warnings(caplog)] == [logging.ERROR]
    assert "no network" in caplog.text


def test_folder_that_cannot_be_written_is_said_and_training_goes_on(tmp_path, caplog):
    (tmp_path / "wandb").write_text("in the way")
    run = session(tmp_path)
    run.start()
    assert not run.is_active
    run.log({"a": 0.5}, 0)
    run.finish()
    assert "training goes on" in caplog.text


def test_run_is_finished_when_training_is_killed(fake, tmp_path):
    fake()
    pid = os.fork()
    if pid == 0:
        run = session(tmp_path)
        run.start()
        run.log({"a": 0.5}, 0)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_for((tmp_path / "finished").exists)
    assert (tmp_path / "logged").read_text()


@NEEDS_WANDB
def test_real_package_offline_has_scalars_config_and_files(tmp_path, caplog, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    (tmp_path / "git.diff").write_text("+ a line")
    run = session(tmp_path, config={"learning_rate": 1e-4}, files=[tmp_path / "git.diff"], tags=["a"], group="g")
    with caplog.at_level(logging.INFO):
        run.start()
        run.log({"train/loss": 0.5}, 100)
        run.finish()
    [folder] = tmp_path.glob("wandb/offline-run-*-exp_1")
    assert (folder / "files" / "git.diff").read_text() == "+ a line"
    assert f"wandb sync --append {folder}" in caplog.text
    assert [record.levelno for record in caplog.records] == [logging.INFO]
    [records] = folder.glob("*.wandb")
    contents = records.read_bytes()
    for text in (b"train/loss", b"learning_rate", b"git.diff"):
        assert text in contents


@NEEDS_WANDB
@pytest.mark.parametrize("key", ["0" * 40, ""])
def test_real_package_without_a_network_or_a_key_holds_up_nothing(tmp_path, monkeypatch, key):
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setenv("WANDB_BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("WANDB_API_KEY", key)
    monkeypatch.setenv("HOME", str(tmp_path))  # no key of the user
    run = session(tmp_path, finish_sec=1.0)
    run.start()
    pid = run.pid
    run.log({"train/loss": 0.5}, 100)
    run.finish()
    assert not run.is_active
    for process in _with_children(pid):
        process.kill()


def _with_children(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return []
