"""The check as a user starts it: processes that die or hang, exit statuses, what is printed. Knows no single rule."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import defaultdict

import pytest

from sample_factory.envs import registry
from sample_factory.envs.check import check_env
from sample_factory.envs.check.__main__ import main
from sample_factory.envs.check.checker import CheckInterruptedError, parse_check_options, run_check
from sample_factory.envs.check.tests.broken_envs import make_by_name
from sample_factory.system import registrations

THIS = "sample_factory.envs.check"
REGISTERING = "sample_factory.envs.check.tests.registers_broken_envs"


@pytest.fixture(autouse=True)
def _own_registrations(monkeypatch):
    monkeypatch.setattr(registrations, "_registered", defaultdict(dict))
    registry.register_env("broken_", make_by_name)


def names(report) -> list[str]:
    return [finding.rule for finding in report.findings]


def test_a_sound_environment_is_measured_and_fits_the_screen(capsys, tmp_path):
    path = tmp_path / "result.json"
    assert main(["--env=gym_CartPole-v1", "--seconds=0.5", f"--json={path}"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for expected in ("CartPoleVectorEnv", "obs: vector (4,) float32", "Discrete(2)", "steps/s", "--num_workers="):
        assert expected in text
    assert text.endswith("no violations\n")
    result = json.loads(path.read_text())
    assert result["is_sound"] and result["findings"] == []
    assert [speed["envs"] for speed in result["measurements"]["speeds"]][:2] == [1, 8]
    episodes = result["measurements"]["episodes"]
    assert episodes["count"] > 0 and episodes["mean_return"] == pytest.approx(episodes["mean_steps"])
    assert episodes["min_return"] >= 1 and result["measurements"]["frames_per_step"] == [1, 1]


def test_a_broken_environment_gives_status_1_and_its_lines_fit(capsys):
    assert main(["--env=broken_NotFinite", "--seconds=0.1"]) == 1
    text = capsys.readouterr().out
    assert "1 violation:" in text and "not-finite: environment 0 at step" in text and "not measured" in text
    assert max(map(len, text.splitlines())) <= 80


def test_notes_do_not_make_an_environment_unsound():
    report = check_env("broken_ReusesBuffer", seconds=0.1)
    assert names(report) == ["reused-buffer"] and report.is_sound and report.measurements is not None


def test_a_violation_that_training_survives_is_measured_all_the_same():
    report = check_env("broken_FlagsAreInts", "--seconds=0.1")
    assert names(report) == ["flags-not-bool"] and not report.is_sound and report.recommendation is not None


@pytest.mark.skipif(sys.platform != "linux", reason="signals by name")
def test_a_crash_is_found_and_located():
    report = check_env("broken_Crashes", seconds=0.1)
    assert names(report) == ["crashed"]
    assert "SIGSEGV" in report.findings[0].problem
    assert "stepping environment 0, at step 4" in report.findings[0].problem
    assert report.facts is not None and report.measurements is None


def test_a_hang_is_found_and_located(capfd):
    report = check_env("broken_Hangs", seconds=0.1, timeout_seconds=3)
    assert names(report) == ["hangs"]
    assert "stepping environment 0, at step 4" in report.findings[0].problem
    assert "broken_envs.py" in capfd.readouterr().err  # the stack


def test_an_unknown_environment_or_option_is_one_line(capsys):
    for argv, message in (
        (["--env=gym_CartPoll-v1"], "did you mean gym_CartPole-v1"),
        (["--env=nothing"], "unknown environment 'nothing'"),
        (["--env=tmaze_5", "--secnds=1"], "did you mean --seconds?"),
        (["--env=tmaze_5", "--import_module=no.such.module"], "--import_module=no.such.module: No module named"),
        ([], "--env is required"),
    ):
        assert main(argv) == 1
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_an_interrupt_gives_status_2(capsys):
    with pytest.raises(CheckInterruptedError):
        run_check(parse_check_options(["--env=tmaze_5"]), lambda: True)
    command = [sys.executable, "-m", THIS, "--env=broken_Hangs", f"--import_module={REGISTERING}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert process.stderr is not None and b"hanging" in process.stderr.readline()
    os.kill(process.pid, signal.SIGINT)
    _, error = process.communicate(timeout=60)
    assert process.returncode == 2 and b"interrupted" in error


def test_modules_that_register_environments_are_imported_and_family_options_are_known(capsys):
    command = [sys.executable, "-m", THIS, "--seconds=0.1"]
    outcome = subprocess.run(
        [*command, "--env=broken_Sound", f"--import_module={REGISTERING}"], capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stderr
    with pytest.raises(SystemExit) as ended:
        main(["--env=gym_CartPole-v1", "--help"])
    help_text = capsys.readouterr().out
    assert ended.value.code == 0
    for flag in ("--seconds", "--env_frameskip", "--env_kwargs", "--import_module"):
        assert flag in help_text
