"""Runs of the dummy sampler from the command line to the exit status, with real processes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import psutil
import pytest

from sample_factory.algorithms.dummy_sampler import run_dummy_sampler
from sample_factory.algorithms.dummy_sampler.tests import envs_for_tests
from sample_factory.envs import registry
from sample_factory.system import registrations

FINAL = re.compile(r"Collected (\d+) frames in (\d+\.\d) s, avg FPS: (\d+\.\d)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def environments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    registry.register_env("test_counting", envs_for_tests.make_counting)
    registry.register_env("test_torch_free", envs_for_tests.make_torch_free)
    registry.register_env("test_deadly", envs_for_tests.make_deadly)
    registry.register_env("test_deadly_once", envs_for_tests.make_deadly_once)


def run(train_dir: Path, env: str, *flags: str) -> tuple[int, str]:
    """Exit status, and what is in the log file."""
    arguments = ["--algo=DUMMY_SAMPLER", f"--env={env}", f"--train_dir={train_dir}", "--experiment=dummy", *flags]
    status = run_dummy_sampler.main(["--num_workers=2", *arguments])
    log = train_dir / "dummy" / "sf_log.txt"
    return status, log.read_text(encoding="utf-8") if log.exists() else ""


def test_cartpole_is_sampled_up_to_the_frame_limit(tmp_path: Path) -> None:
    status, log = run(tmp_path, "gym_CartPole-v1", "--num_envs_per_worker=3", "--sample_env_frames=3000")
    assert status == 0
    final = FINAL.findall(log)
    assert len(final) == 1 and int(final[0][0]) >= 3000 and float(final[0][2]) > 0
    assert log.index("counting begins") < log.index("Collected")


def test_workers_stop_at_their_own_limit(tmp_path: Path) -> None:
    status, log = run(tmp_path, "test_counting", "--sample_env_frames_per_worker=1000", "--timeout_seconds=60")
    assert status == 0
    # A limit is looked at once a block of 32 steps; every eleventh step of an episode is a reset and no frame.
    assert int(FINAL.findall(log)[0][0]) <= 2 * (1000 + 32)


def test_time_is_up(tmp_path: Path) -> None:
    status, log = run(tmp_path, "test_counting", "--timeout_seconds=1")
    assert status == 0 and float(FINAL.findall(log)[0][1]) >= 1.0


def test_workers_never_load_torch(tmp_path: Path) -> None:
    status, log = run(tmp_path, "test_torch_free", "--sample_env_frames=500", "--timeout_seconds=60")
    assert status == 0 and int(FINAL.findall(log)[0][0]) >= 500
    assert "is replaced" not in log


def test_a_dead_worker_is_replaced(tmp_path: Path) -> None:
    status, log = run(tmp_path, "test_deadly_once", "--sample_env_frames=500", "--timeout_seconds=60")
    assert status == 0 and int(FINAL.findall(log)[0][0]) >= 500
    assert log.count("it is replaced") >= 1


def test_workers_that_keep_dying_fail_the_run(tmp_path: Path) -> None:
    status, log = run(tmp_path, "test_deadly", "--num_workers=1", "--timeout_seconds=60")
    assert status == 1
    assert log.rstrip().endswith("failed 6 times without progress")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--env=gym_CartPole-v9"], "Gymnasium has no environment"),
        (["--env=gym_CartPole-v1", "--rollout=16"], "unknown flag --rollout"),
        (["--env=gym_CartPole-v1", "--num_workers=0"], "--num_workers=0 must be greater than 0"),
        ([], "--env is required"),
    ],
)
def test_mistakes_are_one_line_and_status_1(
    flags: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_dummy_sampler.main(["--algo=DUMMY_SAMPLER", f"--train_dir={tmp_path}", *flags]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_run_with_status_2_and_leave_nothing_behind(number: int, tmp_path: Path) -> None:
    arguments = ["--algo=DUMMY_SAMPLER", "--env=gym_CartPole-v1", f"--train_dir={tmp_path}", "--experiment=dummy"]
    command = [sys.executable, "-m", "sample_factory.run_algorithm", *arguments, "--num_workers=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        output = ""
        while "counting begins" not in output and (line := process.stdout.readline()):
            output += line
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(number)
        output += process.stdout.read()
        assert process.wait(30) == 2, output
    assert FINAL.search(output) and "Traceback" not in output
    assert children and not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
