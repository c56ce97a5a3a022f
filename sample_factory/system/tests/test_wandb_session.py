"""Tests of the wandb mirror with a fake module, and with the real one offline where it is installed."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from sample_factory.system.wandb_session import WandbSession


class FakeRun:
    def __init__(self) -> None:
        self.logged: list[dict[str, float]] = []
        self.metrics: list[tuple[str, str]] = []
        self.is_finished = False
        self.failures_left = 0
        self.saved: list[tuple[str, str, str]] = []
        self.offline = False
        self.url = "https://wandb.test/run"
        self.dir = "/exp/wandb/offline-run-1/files"

    def save(self, path: str, base_path: str, policy: str) -> None:
        self.saved.append((path, base_path, policy))

    def define_metric(self, name: str, step_metric: str) -> None:
        self.metrics.append((name, step_metric))

    def log(self, values: dict[str, float]) -> None:
        if self.failures_left:
            self.failures_left -= 1
            raise ConnectionError("no network")
        self.logged.append(values)

    def finish(self) -> None:
        self.is_finished = True


@pytest.fixture
def fake(monkeypatch):
    state = SimpleNamespace(run=FakeRun(), failures_left=0, calls=[])

    def init(**arguments: Any) -> Any:
        state.calls.append(arguments)
        if state.failures_left:
            state.failures_left -= 1
            raise ConnectionError("no network")
        return state.run

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    return state


def session(**arguments: Any) -> WandbSession:
    return WandbSession("exp_20240101", project="sample_factory", sleep=lambda _: None, **arguments)


def warnings(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """Without what is said by the way, which is kept or not by the level that an earlier test has left."""
    return [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_run_is_opened_with_the_given_values_so_that_it_continues(fake, tmp_path):
    run = session(user="me", group="doom", tags=["a", "b"], directory=tmp_path, config={"lr": 1e-4})
    assert run.start()
    assert run.is_active
    assert fake.calls == [
        {
            "id": "exp_20240101",
            "name": "exp_20240101",
            "project": "sample_factory",
            "entity": "me",
            "group": "doom",
            "job_type": "SF",
            "tags": ["a", "b"],
            "dir": str(tmp_path),
            "config": {"lr": 1e-4},
            "resume": "allow",
        }
    ]


def test_link_and_files_are_said_and_attached(fake, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        assert session(files=[tmp_path / "git.diff"]).start()
    assert fake.run.saved == [(str(tmp_path / "git.diff"), str(tmp_path), "live")]
    assert "https://wandb.test/run" in caplog.text


def test_offline_run_says_how_to_upload_it(fake, caplog):
    fake.run.offline = True
    with caplog.at_level(logging.INFO):
        assert session().start()
    assert "wandb sync --append /exp/wandb/offline-run-1`" in caplog.text


def test_file_that_cannot_be_attached_ends_nothing(fake, tmp_path, caplog):
    fake.run.save = None
    run = session(files=[tmp_path / "git.diff"])
    assert run.start()
    assert run.is_active
    assert "cannot attach files" in caplog.text


def test_scalars_are_logged_over_environment_steps(fake):
    run = session()
    run.start()
    run.log({"train/loss": 0.5}, step=300)
    run.log({}, step=400)
    run.finish()
    assert fake.run.metrics == [("*", "env_steps")]
    assert fake.run.logged == [{"train/loss": 0.5, "env_steps": 300}]
    assert fake.run.is_finished
    assert not run.is_active


def test_several_policies_keep_their_own_tags_and_steps(fake):
    run = session(num_policies=2)
    run.start()
    run.log({"train/loss": 0.5}, step=300, policy=1)
    assert fake.run.metrics == [("policy_0/*", "policy_0/env_steps"), ("policy_1/*", "policy_1/env_steps")]
    assert fake.run.logged == [{"policy_1/train/loss": 0.5, "policy_1/env_steps": 300}]


def test_third_attempt_counts(fake, caplog):
    fake.failures_left = 2
    assert session().start()
    assert len(fake.calls) == 3
    assert warnings(caplog) == []


def test_failing_start_is_logged_once_and_training_goes_on(fake, caplog):
    fake.failures_left = 10
    run = session()
    assert not run.start()
    run.log({"a": 1.0}, step=1)
    run.finish()
    assert len(fake.calls) == 3
    [record] = warnings(caplog)
    assert "no network" in record.getMessage()


def test_missing_package_is_logged_and_training_goes_on(monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "wandb", None)
    assert not session().start()
    assert len(warnings(caplog)) == 1


def test_failing_log_is_reported_once_and_given_up_after_three_in_a_row(fake, caplog):
    run = session()
    run.start()
    fake.run.failures_left = 2
    for step in range(3):
        run.log({"a": 1.0}, step)
    assert fake.run.logged == [{"a": 1.0, "env_steps": 2}]
    assert run.is_active
    fake.run.failures_left = 3
    for step in range(5):
        run.log({"a": 1.0}, step)
    assert not run.is_active
    assert fake.run.failures_left == 0
    assert [record.levelno for record in warnings(caplog)] == [logging.ERROR]


@pytest.mark.skipif(importlib.util.find_spec("wandb") is None, reason="wandb is not installed")
def test_real_package_works_offline(tmp_path):
    code = (
        "import pathlib, sys\n"
        "from sample_factory.system.wandb_session import WandbSession\n"
        "run = WandbSession('exp_1', project='p', directory=pathlib.Path(sys.argv[1]), config={'lr': 1e-4})\n"
        "assert run.start()\n"
        "run.log({'train/loss': 0.5}, 100)\n"
        "run.log({'train/loss': 0.4}, 50)\n"  # a resumed run goes back
        "assert run.is_active\n"
        "run.finish()\n"
    )
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, env=environment, timeout=120)
    assert list(tmp_path.glob("wandb/offline-run-*-exp_1/*.wandb"))
