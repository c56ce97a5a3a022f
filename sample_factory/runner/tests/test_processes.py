"""Real processes that end, fail, wait and ignore signals, and a runner that is killed. Trains nothing."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import psutil
import pytest

from sample_factory.runner.identity import process_identity
from sample_factory.runner.ledger import Entry, Place
from sample_factory.runner.tests.study import ROOT, Study

MakeStudy = Callable[..., Study]

THREE = 'Experiment("x", COMMAND, ParamGrid([("seed", [1, 2, 3])]).generate_params(False))'
THREE_WAITING = 'Experiment("x", COMMAND + " --do=wait", ParamGrid([("seed", [1, 2, 3])]).generate_params(False))'


def _about(study: Study, entry: Entry) -> dict[str, object]:
    """What the latest attempt of a small experiment says about itself."""
    lines = [line for line in study.log(entry).splitlines() if line.startswith("{")]
    return dict(json.loads(lines[-1]))


def _command(module: str, study: Study, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", f"sample_factory.runner.{module}", str(study.folder), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_a_study_runs_to_its_end_once(make_study: MakeStudy) -> None:
    study = make_study(THREE)
    assert study.run() == 0
    assert study.states() == ["done"] * 3
    assert [study.diary(entry) for entry in study.entries().values()] == [["begin", "end"]] * 3
    for name, entry in study.entries().items():
        assert "=== try 1, " in study.log(entry) and f"--experiment={name}" in study.log(entry)
        assert (entry.tries, entry.exit_status) == (1, 0) and (entry.started or 0) <= (entry.ended or 0)
    assert study.run() == 0
    assert {entry.tries for entry in study.entries().values()} == {1}


def test_a_failing_one_is_tried_again_and_the_others_are_not_held_up(make_study: MakeStudy) -> None:
    study = make_study(
        'Experiment("mends", COMMAND + " --fail_times=1")',
        'Experiment("never", COMMAND + " --do=raise")',
        'Experiment("missing", "no_such_program")',
        THREE,
    )
    assert study.run("--max_retries=1") == 1
    entries = study.entries()
    assert study.states() == ["done", "failed", "failed", "done", "done", "done"]
    assert [entry.tries for entry in entries.values()] == [2, 2, 2, 1, 1, 1]
    assert entries["00_never"].exit_status == 1 and entries["00_missing"].exit_status == 127
    assert "RuntimeError: never works" in study.log(entries["00_never"])
    assert "error: cannot start 'no_such_program'" in study.log(entries["00_missing"])
    status = _command("status", study)
    assert status.returncode == 0 and "4 done, 2 failed" in status.stdout
    assert "never_/00_never failed (exit status 1): RuntimeError: never works" in status.stdout
    retried = _command("retry", study, "00_never")
    assert retried.returncode == 0 and retried.stdout.startswith("never_/00_never\n1 pending again")
    assert [entry.state for entry in study.entries().values()].count("pending") == 1


def test_a_killed_runner_started_again_takes_up_what_runs_and_what_has_ended_meanwhile(make_study: MakeStudy) -> None:
    study = make_study(THREE_WAITING, 'Experiment("quick", COMMAND)')
    study.start("--max_parallel=2")
    study.wait_for_begin(2)
    before = {name: entry for name, entry in study.entries().items() if entry.state == "running"}
    study.kill_runner()
    assert all(entry.pid is not None and psutil.pid_exists(entry.pid) for entry in before.values())
    again = study.start("--max_parallel=2")
    study.wait_until(lambda: study.output.read_text().count("still runs (process") == 2)
    assert {name: entry for name, entry in study.entries().items() if entry.state == "running"} == before
    study.kill_runner()
    assert again.returncode == -signal.SIGKILL
    study.let_go()
    study.wait_until(lambda: study.states() == ["done", "done", "pending", "pending"])
    assert study.run("--max_parallel=2") == 0
    assert study.states() == ["done"] * 4
    assert [study.diary(entry) for entry in study.entries().values()] == [["begin", "end"]] * 4


def test_a_runner_that_is_killed_at_any_moment_starts_nothing_twice(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND, ParamGrid([("seed", range(12))]).generate_params(False))')
    study.start()
    study.wait_until(lambda: len(study.states()) == 12)
    for kill in range(8):
        # Not by the clock: sooner or later after the next change, whatever it is.
        changed = study.entries()
        study.wait_until(lambda before=changed: study.entries() != before or "pending" not in study.states())
        time.sleep(0.015 * kill)
        study.kill_runner()
        study.start()
    assert study.runner is not None and study.wait(study.runner) == 0
    assert study.states() == ["done"] * 12
    assert [study.diary(entry) for entry in study.entries().values()] == [["begin", "end"]] * 12


def test_a_killed_experiment_is_a_failure_with_a_runner_and_none_without(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND + " --do=wait")')
    study.start("--max_retries=0")
    study.wait_for_begin()
    [entry] = study.entries().values()
    assert entry.pid is not None
    [child] = psutil.Process(entry.pid).children()
    os.kill(entry.pid, signal.SIGKILL)
    assert study.runner is not None and study.wait(study.runner) == 1
    assert study.states() == ["failed"]
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running(), "an experiment whose end nobody can write down must not go on"
    _command("retry", study)
    study.start()
    study.wait_for_begin()
    study.kill_runner()
    [entry] = study.entries().values()
    assert entry.pid is not None
    os.killpg(entry.pid, signal.SIGKILL)
    study.wait_until(lambda: process_identity(entry.pid or 0) != entry.process)
    assert "1 gone" in _command("status", study).stdout
    study.let_go()
    assert study.run("--max_retries=0") == 0


def test_a_second_runner_is_refused_with_one_line(make_study: MakeStudy) -> None:
    study = make_study(THREE_WAITING)
    study.start()
    study.wait_for_begin()
    command = [sys.executable, "-m", "sample_factory.runner.run", "--run=my_study", f"--train_dir={study.train_dir}"]
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{study.train_dir.parent}"}
    second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert second.returncode == 1 and second.stdout == ""
    assert second.stderr.count("\n") == 1 and "is in use by another run" in second.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_runner_lets_experiments_save_and_goes_on_later(make_study: MakeStudy, number: int) -> None:
    study = make_study(THREE_WAITING)
    runner = study.start("--max_parallel=2")
    study.wait_for_begin(2)
    runner.send_signal(number)
    assert study.wait(runner) == 2
    assert study.states() == ["pending"] * 3
    assert [entry.exit_status for entry in study.entries().values()] == [2, 2, None]
    study.let_go()
    assert study.run() == 0
    assert [entry.tries for entry in study.entries().values()] == [2, 2, 1]


def test_one_that_ignores_signals_is_killed_in_the_end(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND + " --do=ignore_signals")')
    runner = study.start("--stop_timeout_seconds=1")
    study.wait_for_begin()
    [entry] = study.entries().values()
    assert entry.pid is not None
    processes = [psutil.Process(entry.pid), *psutil.Process(entry.pid).children()]
    runner.send_signal(signal.SIGINT)
    assert study.wait(runner) == 2
    assert study.states() == ["pending"]
    assert len(processes) == 2 and not psutil.wait_procs(processes, timeout=30)[1]


def test_an_experiment_that_was_interrupted_by_somebody_is_started_again(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND + " --fail_times=1 --status=2")')
    assert study.run("--max_retries=0") == 0
    [entry] = study.entries().values()
    assert (entry.tries, entry.failures) == (2, 0)


def test_cancelling_ends_what_runs_and_leaves_out_what_does_not(make_study: MakeStudy) -> None:
    study = make_study(THREE_WAITING, 'Experiment("quick", COMMAND)')
    runner = study.start("--max_parallel=1")
    study.wait_for_begin()
    assert _command("cancel", study, "0[01]_x*").stdout == "1 cancelled, 1 asked to save and end\n"
    # Only then there is room for the third.
    study.wait_until(lambda: study.states()[:3] == ["cancelled", "cancelled", "running"])
    study.wait_for_begin()
    assert _command("cancel", study, "x_/02_x_see_3", "--now").stdout == "0 cancelled, 1 killed\n"
    assert study.wait(runner) == 0
    assert study.states() == ["cancelled"] * 3 + ["done"]
    assert study.run() == 0, "cancelled is for good"
    assert study.states() == ["cancelled"] * 3 + ["done"]
    assert _command("cancel", study, "nothing").stderr.startswith("error: there is no experiment nothing;")
    assert _command("retry", study, "00_x*").returncode == 0
    study.let_go()
    assert study.run() == 0
    assert study.states() == ["done", "cancelled", "cancelled", "done"]


def test_cancelling_and_retrying_need_no_runner(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND + " --do=wait")')
    study.start()
    study.wait_for_begin()
    study.kill_runner()
    assert "is running; cancel it first" in _command("retry", study, "00_x").stderr
    assert _command("cancel", study).stdout == "0 cancelled, 1 asked to save and end\n"
    study.wait_until(lambda: study.states() == ["cancelled"])


def test_parallel_experiments_have_cores_and_gpus_of_their_own(
    make_study: MakeStudy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    seeds = 'ParamGrid([("seed", [1, 2, 3, 4])]).generate_params(False)'
    study = make_study(f'Experiment("x", COMMAND + " --do=wait", {seeds}, {{"MINE": "a b"}})')
    runner = study.start("--max_parallel=3", "--num_gpus=2", "--experiments_per_gpu=1")
    study.wait_for_begin(2)
    first, second = [_about(study, entry) for entry in study.entries().values() if entry.state == "running"]
    assert [first["gpu"], second["gpu"]] == ["4", "6"] and first["mine"] == "a b"
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) > 1:
        assert not set(first["cores"]) & set(second["cores"])  # type: ignore[call-overload]
    assert set(first["cores"]) <= set(cores)  # type: ignore[call-overload]
    study.kill_runner()
    study.start("--max_parallel=4", "--num_gpus=2", "--experiments_per_gpu=2")
    study.wait_for_begin(4)
    gpus = [entry.place.gpu for entry in study.entries().values()]
    assert gpus == ["4", "6", "4", "6"], "what still runs counts"
    study.let_go()
    assert study.runner is not None and study.wait(study.runner) == 0
    assert runner.returncode == -signal.SIGKILL


def test_one_alone_has_all_cores(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND)')
    assert study.run("--max_parallel=8") == 0
    [entry] = study.entries().values()
    assert entry.place == Place() and _about(study, entry)["cores"] == sorted(os.sched_getaffinity(0))


def test_a_pid_is_not_enough_to_be_taken_for_an_attempt() -> None:
    mine = process_identity(os.getpid())
    assert mine is not None and mine == process_identity(os.getpid())
    assert mine != process_identity(1), "not even if it had the same pid"
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert process_identity(child.pid) is None, "one that has ended but was not waited for does not run"
    child.wait()
    assert process_identity(child.pid) is None
