"""Studies on a real Slurm, which the tests start and stop. Run with `pytest -m slurm`. Know nothing of its programs.

In Debian and Ubuntu: `apt-get install slurm-wlm munge`.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from sample_factory.runner.ledger import Entry, log_path
from sample_factory.runner.progress import progress
from sample_factory.runner.tests.slurm_cluster import missing_programs, slurm_cluster
from sample_factory.runner.tests.study import ROOT, Study

pytestmark = [pytest.mark.slurm, pytest.mark.timeout(600)]

FLAGS = ("--runner=slurm", "--slurm_gpus_per_job=0", "--slurm_cpus_per_gpu=1")
SIX_WAITING = (
    'Experiment("x", COMMAND + " --do=wait", ParamGrid([("seed", [1, 2, 3, 4, 5, 6])]).generate_params(False))'
)
TRAINING = (
    'Experiment("train", "python -m sample_factory.algorithms.appo.train_appo --algo=APPO --env=bandit_2 --device=cpu '
    "--use_rnn=False --hidden_size=8 --num_workers=1 --num_envs_per_worker=2 --rollout=8 --recurrence=8 "
    '--batch_size=64 --save_every_sec=10000 --train_for_env_steps=1000000000")'
)
FRAMES = re.compile(r"Total num frames: (\d+)\.")
MakeStudy = Callable[..., Study]


@pytest.fixture(autouse=True)
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cluster with two cores."""
    if missing := missing_programs():
        pytest.skip(f"there are no {', '.join(missing)}: apt-get install slurm-wlm munge")
    with slurm_cluster(cores=2) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield


def _call(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True).stdout


def _command(module: str, study: Study, *words: str) -> str:
    return _call(sys.executable, "-m", f"sample_factory.runner.{module}", str(study.folder), *words)


def _running(study: Study) -> list[Entry]:
    return [entry for entry in study.entries().values() if entry.state == "running"]


def _arrays(study: Study) -> int:
    return len(list((study.folder / "slurm").glob("*.json")))


def _ends(study: Study) -> list[int]:
    return [study.diary(entry).count("end") for entry in study.entries().values()]


def test_a_sweep_with_a_preempted_job_and_a_killed_runner_runs_each_experiment_once(make_study: MakeStudy) -> None:
    study = make_study(SIX_WAITING)
    study.start(*FLAGS, "--slurm_max_parallel=2")
    study.wait_for_begin(2)
    assert [entry.state for entry in study.entries().values()] == ["running"] * 2 + ["pending"] * 4
    assert "4 queued, 2 running" in _command("status", study)
    study.kill_runner()
    # A more urgent job takes the place of one of them, which has time to save.
    urgent = _call("sbatch", "--parsable", "--partition=urgent", "--wrap=sleep 1000", "--output=/dev/null").strip()
    study.wait_until(lambda: len(_running(study)) == 1)
    [preempted] = [entry for entry in study.entries().values() if entry.tries == 1 and entry.state == "pending"]
    assert (preempted.exit_status, preempted.failures) == (2, 0)
    assert "5 queued, 1 running" in _command("status", study)
    study.start(*FLAGS, "--slurm_max_parallel=2")
    study.wait_until(lambda: "still runs (" in study.output.read_text())
    _call("scancel", urgent)
    study.wait_for_begin(2)
    study.let_go()
    assert study.runner is not None and study.wait(study.runner) == 0, study.output.read_text()
    assert study.states() == ["done"] * 6 and _ends(study) == [1] * 6
    tries = {entry.name: entry.tries for entry in study.entries().values()}
    assert tries.pop(preempted.name) == 2 and set(tries.values()) == {1}
    assert _arrays(study) == 1, "what was queued is not submitted again"


def test_jobs_that_are_lost_in_the_queue_or_killed_are_submitted_again(make_study: MakeStudy) -> None:
    study = make_study(SIX_WAITING)
    study.start(*FLAGS)
    study.wait_for_begin(2)
    study.kill_runner()
    first, second = _running(study)
    assert first.job is not None and second.pid is not None
    array = first.job.partition("_")[0]
    _call("scancel", f"{array}_4", f"{array}_5")  # while they wait
    os.kill(second.pid, signal.SIGKILL)
    study.wait_until(lambda: len(study.diary(second)) == 1 and "gone" in _command("status", study))
    study.let_go()
    assert study.run(*FLAGS) == 0, study.output.read_text()
    assert study.states() == ["done"] * 6 and _ends(study) == [1] * 6
    assert _arrays(study) == 2


def test_failures_are_small_submissions_of_their_own_and_are_reported(make_study: MakeStudy) -> None:
    study = make_study(
        'Experiment("mends", COMMAND + " --fail_times=1")',
        'Experiment("never", COMMAND + " --do=raise")',
        'Experiment("x", COMMAND)',
    )
    assert study.run(*FLAGS, "--max_retries=1") == 1
    assert study.states() == ["done", "failed", "done"]
    assert [entry.tries for entry in study.entries().values()] == [2, 2, 1]
    assert "RuntimeError: never works" in _command("status", study)


def test_an_interrupted_runner_leaves_nothing_in_the_queue(make_study: MakeStudy) -> None:
    study = make_study(SIX_WAITING)
    runner = study.start(*FLAGS)
    study.wait_for_begin(2)
    runner.send_signal(signal.SIGINT)
    assert study.wait(runner) == 2
    assert study.states() == ["pending"] * 6
    assert Counter(entry.exit_status for entry in study.entries().values()) == {2: 2, None: 4}
    study.wait_until(lambda: not _call("squeue", "-h"))
    study.let_go()
    assert study.run(*FLAGS) == 0
    assert _ends(study) == [1] * 6


def test_cancelling_reaches_what_runs_and_what_waits_without_a_runner(make_study: MakeStudy) -> None:
    study = make_study(SIX_WAITING)
    study.start(*FLAGS)
    study.wait_for_begin(2)
    study.kill_runner()
    first, second = _running(study)
    assert _command("cancel", study, first.name, "05_*") == "1 cancelled, 1 asked to save and end\n"
    study.wait_until(lambda: Counter(study.states())["cancelled"] == 2)
    assert study.diary(first) == ["begin"] and study.states()[5] == "cancelled"
    assert _command("cancel", study, second.name, "--now") == "0 cancelled, 1 killed\n"
    study.let_go()
    assert study.run(*FLAGS) == 0
    assert Counter(study.states()) == {"cancelled": 3, "done": 3}


def test_a_job_whose_time_is_nearly_over_saves_and_goes_on_later(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND + " --do=wait")')
    study.start(*FLAGS, "--slurm_timeout=1m", "--stop_timeout_seconds=60")
    study.wait_for_begin()
    study.kill_runner()  # without it: the job requeues itself
    study.wait_until(lambda: study.entries()["00_x"].tries == 2, timeout_sec=300)
    study.let_go()
    study.wait_until(lambda: study.states() == ["done"])
    assert _ends(study) == [1] and _arrays(study) == 1


def test_a_training_that_is_requeued_saves_and_goes_on_from_its_checkpoint(make_study: MakeStudy) -> None:
    study = make_study(TRAINING)
    script = study.train_dir.parent / "my_study.py"
    script.write_text(script.read_text().split(", experiment_dirs_sf_format")[0] + ")\n")
    study.start(*FLAGS)
    study.wait_until(study.entries)

    def entry() -> Entry:
        return study.entries()["00_train"]

    def frames(number: int) -> list[int]:
        """What a try of the training has reported, 0 until it has looked."""
        path = log_path(study.folder, entry().name)
        parts = path.read_text().split("=== try ") if path.exists() else []
        return [int(count) for count in FRAMES.findall(parts[number])] if len(parts) > number else []

    # Far behind the checkpoint that every training writes when it begins.
    study.wait_until(lambda: max(frames(1), default=0) > 1000)
    _call("scontrol", "requeue", entry().job or "")
    study.wait_until(lambda: entry().state == "pending")
    assert (entry().exit_status, entry().failures) == (2, 0)
    saved = progress(study.folder / entry().name).frames
    assert saved is not None and saved >= max(frames(1))
    study.wait_until(lambda: any(frames(2)), timeout_sec=300)
    assert min(count for count in frames(2) if count) >= saved and entry().tries == 2
    assert _command("cancel", study) == "0 cancelled, 1 asked to save and end\n"
    assert study.runner is not None and study.wait(study.runner) == 0
    assert study.states() == ["cancelled"]


def test_with_a_template_of_ones_own_the_experiment_has_time_to_save_as_well(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND + " --do=wait")')
    template = study.train_dir.parent / "template.sh"
    template.write_text("#!/bin/bash\n#SBATCH -c {{ CPU }}\nexport MINE=here\n{{ CMD }}\necho after {{ FILENAME }}\n")
    study.start(*FLAGS, f"--slurm_sbatch_template={template}")
    study.wait_for_begin()
    [entry] = study.entries().values()
    _call("scontrol", "requeue", entry.job or "")
    study.wait_until(lambda: study.states() == ["pending"])
    assert study.entries()["00_x"].exit_status == 2 and '"mine": "here"' in study.log(entry)
    study.let_go()
    assert study.runner is not None and study.wait(study.runner) == 0
    assert _ends(study) == [1] and study.entries()["00_x"].tries == 2


def test_a_script_that_never_gets_as_far_as_its_experiment_is_a_failure(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND)')
    template = study.train_dir.parent / "template.sh"
    template.write_text("#!/bin/bash\n#SBATCH --comment=mine\necho no such conda environment\nexit 3\n{{ CMD }}\n")
    assert study.run(*FLAGS, "--max_retries=1", f"--slurm_sbatch_template={template}") == 1
    assert study.states() == ["failed"] and study.diary(study.entries()["00_x"]) == []
    assert "its job has ended and never began it; see " in study.output.read_text()


def test_a_partition_that_does_not_exist_is_a_failure_with_the_reason(make_study: MakeStudy) -> None:
    study = make_study('Experiment("x", COMMAND)')
    assert study.run(*FLAGS, "--max_retries=0", "--slurm_partition=no_such") == 1
    assert "invalid partition" in study.output.read_text()
