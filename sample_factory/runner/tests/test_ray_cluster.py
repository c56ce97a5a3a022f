"""A real Ray cluster of two nodes on this machine. Trains only in the last test.

Not part of the normal suite: `pip install -e '.[ray]'`, then `pytest -m ray`.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sample_factory.runner.tests.ray_cluster import RayCluster
from sample_factory.runner.tests.study import Study
from sample_factory.runner.tests.test_processes import THREE, THREE_WAITING, _command
from sample_factory.runner.tests.test_training_study import TRAININGS

pytestmark = pytest.mark.ray

MakeStudy = Callable[..., Study]


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    pytest.importorskip("ray", reason="needs Ray: pip install 'sample-factory[ray]'")
    made = RayCluster()
    yield made
    made.close()


@pytest.fixture
def flags(cluster: RayCluster) -> list[str]:
    return ["--runner=ray", f"--ray_address={cluster.address}"]


@pytest.fixture
def make_study(tmp_path: Path) -> Iterator[MakeStudy]:
    """As the other tests' one, but what is left on the cluster is no child of the runner."""
    made: list[Study] = []

    def make(*experiments: str) -> Study:
        made.append(Study(tmp_path, *experiments))
        return made[-1]

    yield make
    for study in made:
        study.destroy()
        if study.entries():
            study.wait_until(lambda study=study: _is_over(study))


def _is_over(study: Study) -> bool:
    """After cancelling everything; those that wait find that when it is their turn."""
    _command("cancel", study, "--now")
    return "running" not in study.states()


def _parents(study: Study) -> set[int]:
    """The nodes on which experiments run, as the processes that have started Ray's workers."""
    pids = [entry.pid for entry in study.entries().values() if entry.state == "running"]
    return {psutil.Process(pid).parents()[1].pid for pid in pids if pid is not None}


def test_a_study_runs_to_its_end_once(make_study: MakeStudy, flags: list[str]) -> None:
    study = make_study(THREE, 'Experiment("never", COMMAND + " --do=raise")')
    assert study.run(*flags, "--max_retries=1") == 1, study.output.read_text()
    assert study.states() == ["done"] * 3 + ["failed"]
    entries = list(study.entries().values())
    assert [study.diary(entry) for entry in entries[:3]] == [["begin", "end"]] * 3
    assert [entry.tries for entry in entries] == [1, 1, 1, 2]
    assert "never_/00_never failed (exit status 1): RuntimeError: never works" in _command("status", study).stdout
    assert study.run(*flags, "--max_retries=0") == 1
    assert [entry.tries for entry in study.entries().values()] == [1, 1, 1, 2]


def test_a_killed_runner_started_again_takes_up_what_runs_and_what_waits(
    make_study: MakeStudy, flags: list[str]
) -> None:
    study = make_study(THREE_WAITING)
    study.start(*flags)
    study.wait_for_begin(2)
    study.wait_until(lambda: study.states() == ["running"] * 3)
    assert len(_parents(study)) == 2, "one on each node"
    before = study.entries()
    study.wait_until(lambda: "1 queued, 2 running" in _command("status", study).stdout)
    study.kill_runner()
    study.start(*flags)
    study.wait_until(lambda: study.output.read_text().count("still runs (") == 3)
    assert {name: entry.pid for name, entry in study.entries().items()} == {n: e.pid for n, e in before.items()}
    study.kill_runner()
    study.let_go()
    study.wait_until(lambda: study.states() == ["done"] * 3)
    assert study.run(*flags) == 0
    assert [study.diary(entry) for entry in study.entries().values()] == [["begin", "end"]] * 3


def test_a_runner_that_is_killed_at_any_moment_starts_nothing_twice(make_study: MakeStudy, flags: list[str]) -> None:
    study = make_study('Experiment("x", COMMAND, ParamGrid([("seed", range(6))]).generate_params(False))')
    study.start(*flags)
    study.wait_until(lambda: len(study.states()) == 6)
    for _ in range(3):
        changed = study.entries()
        study.wait_until(lambda before=changed: study.entries() != before or "pending" not in study.states())
        study.kill_runner()
        study.start(*flags)
    assert study.runner is not None and study.wait(study.runner) == 0
    assert study.states() == ["done"] * 6
    assert [study.diary(entry) for entry in study.entries().values()] == [["begin", "end"]] * 6


def test_what_ran_on_a_node_that_dies_runs_on_another(
    make_study: MakeStudy, cluster: RayCluster, flags: list[str]
) -> None:
    study = make_study(THREE_WAITING)
    runner = study.start(*flags, "--max_retries=0")
    study.wait_for_begin(2)
    processes = [psutil.Process(entry.pid) for entry in study.entries().values() if entry.pid is not None]
    children = [child for process in processes for child in process.children()]
    assert len(children) == 2
    cluster.kill_node()
    try:
        study.wait_until(lambda: sum(child.is_running() for child in children) == 1)
        study.wait_until(lambda: any(entry.tries == 2 for entry in study.entries().values()))
        study.let_go()
        assert study.wait(runner) == 0, study.output.read_text()
    finally:
        cluster.add_node()
    assert study.states() == ["done"] * 3
    assert sorted(entry.tries for entry in study.entries().values()) == [1, 1, 2]
    assert sorted(study.diary(entry).count("end") for entry in study.entries().values()) == [1, 1, 1]
    assert sum(study.diary(entry).count("begin") for entry in study.entries().values()) == 4


def test_an_interrupted_runner_lets_experiments_save_and_goes_on_later(make_study: MakeStudy, flags: list[str]) -> None:
    study = make_study(THREE_WAITING)
    runner = study.start(*flags)
    study.wait_for_begin(2)
    study.wait_until(lambda: study.states() == ["running"] * 3)
    runner.send_signal(signal.SIGINT)
    assert study.wait(runner) == 2
    assert study.states() == ["pending"] * 3
    assert sorted(len(study.diary(entry)) for entry in study.entries().values()) == [0, 1, 1]
    study.let_go()
    assert study.run(*flags) == 0


def test_one_that_ignores_signals_is_killed_in_the_end(make_study: MakeStudy, flags: list[str]) -> None:
    study = make_study('Experiment("x", COMMAND + " --do=ignore_signals")')
    runner = study.start(*flags, "--stop_timeout_seconds=3")
    study.wait_for_begin()
    [entry] = study.entries().values()
    assert entry.pid is not None
    processes = [psutil.Process(entry.pid), *psutil.Process(entry.pid).children()]
    runner.send_signal(signal.SIGINT)
    assert study.wait(runner) == 2
    assert study.states() == ["pending"]
    assert len(processes) == 2 and not psutil.wait_procs(processes, timeout=30)[1]


def test_cancelling_needs_neither_a_runner_nor_a_connection(make_study: MakeStudy, flags: list[str]) -> None:
    study = make_study(THREE_WAITING)
    study.start(*flags)
    study.wait_for_begin(2)
    study.wait_until(lambda: study.states() == ["running"] * 3)
    study.kill_runner()
    begun = [entry for entry in study.entries().values() if study.diary(entry)]
    assert _command("cancel", study, begun[0].name).stdout == "0 cancelled, 1 asked to save and end\n"
    study.wait_until(lambda: study.entries()[os.path.basename(begun[0].name)].exit_status == 2)
    assert psutil.pid_exists(begun[1].pid or 0)
    assert _command("cancel", study, begun[1].name, "--now").stdout == "0 cancelled, 1 killed\n"
    study.wait_until(lambda: not psutil.pid_exists(begun[1].pid or 0))
    study.let_go()
    assert study.run(*flags) == 0
    assert sorted(study.states()) == ["cancelled", "cancelled", "done"]


def test_trainings_end_as_they_do_without_ray(make_study: MakeStudy, flags: list[str]) -> None:
    rewards = []
    for folder, runner in (("ray", flags), ("processes", ["--runner=processes"])):
        study = make_study(TRAININGS)
        study.train_dir = study.train_dir.parent / folder
        study.folder = study.train_dir / "study"
        script = study.train_dir.parent / "my_study.py"
        script.write_text(script.read_text().split(", experiment_dirs_sf_format")[0] + ")\n")
        assert study.run(*runner) == 0, study.output.read_text()
        logs = [study.log(entry) for entry in study.entries().values()]
        rewards.append([re.findall(r"Avg episode reward: \[.*\]", text) for text in logs])
    assert rewards[0] == rewards[1] and all(rewards[0])
