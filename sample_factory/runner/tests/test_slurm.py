"""Slurm as its programs are called and answer: what is submitted, adopted, taken for lost. Runs no Slurm, and no job.

The programs are replaced by small ones that keep the queue in a file.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from sample_factory.config.runner import SlurmConfig
from sample_factory.runner import cancel, retry, run, status
from sample_factory.runner.backends import slurm_element
from sample_factory.runner.backends.backend import Queue, StartError
from sample_factory.runner.backends.client import ClientError
from sample_factory.runner.backends.slurm import Slurm
from sample_factory.runner.backends.slurm_arrays import Arrays
from sample_factory.runner.backends.slurm_script import job_script
from sample_factory.runner.ledger import INTERRUPTED, Entry, Ledger, Place, Task
from sample_factory.runner.scheduler import FAILURE, SUCCESS, Scheduler
from sample_factory.runner.tests.study import SCRIPT

FAKE = """#!{python}
import json, os, pathlib, sys
folder = pathlib.Path({folder!r})
program = os.path.basename(sys.argv[0])
with (folder / "calls.txt").open("a") as calls:
    calls.write(json.dumps([program, *sys.argv[1:]]) + "\\n")
broken = folder / f"{{program}}.broken"
if broken.exists():
    sys.exit(broken.read_text())
path = folder / "queue.json"
queue = json.loads(path.read_text()) if path.exists() else []
if program == "sbatch":
    flags = dict(word.lstrip("-").split("=", 1) for word in sys.argv[1:] if "=" in word)
    number = str(100 + len({{element[0] for element in queue}}))
    first, last = flags["array"].split("%")[0].split("-")
    queue += [[number, str(index), "PENDING", flags["job-name"]] for index in range(int(first), int(last) + 1)]
    print(number)
elif program == "squeue":
    print("\\n".join("|".join(element) for element in queue))
elif program == "scancel" and not any("--signal" in word for word in sys.argv):
    for element in queue:
        if "_".join(element[:2]) in sys.argv:
            element[2] = "CANCELLED"
path.write_text(json.dumps(queue))
"""


class FakeSlurm:
    """Programs on PATH, and the queue that they share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        for program in ("sbatch", "squeue", "scancel", "scontrol"):
            path = folder / program
            path.write_text(FAKE.format(python=sys.executable, folder=str(folder)))
            path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def calls(self, program: str) -> list[list[str]]:
        """Arguments of every call of a program."""
        path = self._folder / "calls.txt"
        calls = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        return [call[1:] for call in calls if call[0] == program]

    def jobs(self) -> dict[str, str]:
        """Job -> state."""
        return {f"{element[0]}_{element[1]}": element[2] for element in self._queue()}

    def set_state(self, job: str, state: str) -> None:
        """An element has got on."""
        queue = self._queue()
        for element in queue:
            if f"{element[0]}_{element[1]}" == job:
                element[2] = state
        (self._folder / "queue.json").write_text(json.dumps(queue))

    def forget(self) -> None:
        """As after the time for which Slurm keeps what has ended."""
        (self._folder / "queue.json").unlink()

    def refuse(self, program: str, reason: str | None) -> None:
        """A program fails from now on, or no longer."""
        path = self._folder / f"{program}.broken"
        if reason is None:
            path.unlink()
        else:
            path.write_text(reason)

    def _queue(self) -> list[list[str]]:
        path = self._folder / "queue.json"
        return list(json.loads(path.read_text())) if path.exists() else []


class World:
    """A run with a ledger, and runners one after the other."""

    def __init__(self, folder: Path, programs: FakeSlurm, names: Sequence[str] = ("a", "b", "c")) -> None:
        self.folder = folder
        self.programs = programs
        self.names = names
        self.ledger = Ledger.create(folder)
        self.ledger.enter([Task(name, ("true",), {}) for name in names])

    def scheduler(self, max_retries: int = 1, **options: object) -> Scheduler:
        """A new runner."""
        place = Slurm(self.folder, SlurmConfig(**options), save_sec=60.0, look_sec=0.0)  # type: ignore[arg-type]
        assert isinstance(place, Queue)
        found = Scheduler(self.ledger, place, self.names, max_retries, 0.0, clock=lambda: 0.0)
        found.recover()
        return found

    def begin(self, job: str) -> Entry | None:
        """What an element does first."""
        self.programs.set_state(job, "RUNNING")
        number, index = job.split("_")
        found = [array for array in Arrays(self.folder).elements() if array.job == job]
        entry = self.ledger.begin(found[0].experiment, "slurm", "node", Place(), f"{number}_{index}")
        return entry and self.ledger.claim(entry.name, entry.tries, "node", 1, "x")

    def end(self, job: str, name: str, exit_status: int | None, state: str = "COMPLETED") -> None:
        """The latest try of an experiment ends; None: nobody writes it down."""
        entry = self.entries()[name]
        if exit_status is not None:
            assert self.ledger.finish(name, entry.tries, exit_status)
        self.programs.set_state(job, state)

    def entries(self) -> dict[str, Entry]:
        return {entry.name: entry for entry in self.ledger.entries()}

    def states(self) -> list[str]:
        return [entry.state for entry in self.entries().values()]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSlurm:
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return FakeSlurm(folder)


@pytest.fixture
def world(tmp_path: Path, programs: FakeSlurm) -> World:
    folder = tmp_path / "my study"
    folder.mkdir()
    return World(folder, programs)


def test_all_that_wait_are_one_array_and_stay_pending_until_they_begin(world: World) -> None:
    scheduler = world.scheduler(slurm_max_parallel=2, slurm_gpus_per_job=2, slurm_cpus_per_gpu=3, slurm_partition="p")
    for _ in range(3):
        assert scheduler.tick()
    [call] = world.programs.calls("sbatch")
    assert {"--array=0-2%2", "--gres=gpu:2", "--cpus-per-task=6", "--partition=p", "--requeue"} <= set(call)
    assert "--signal=B:USR1@60" in call
    assert world.states() == ["pending"] * 3 and world.entries()["a"].tries == 0
    world.begin("100_1")
    assert world.states() == ["pending", "running", "pending"] and world.entries()["b"].job == "100_1"
    for index, name in enumerate(world.names):
        world.begin(f"100_{index}")
        world.end(f"100_{index}", name, 0)
    assert not scheduler.tick() and scheduler.result() == SUCCESS
    assert len(world.programs.calls("sbatch")) == 1


def test_the_next_runner_takes_up_what_is_queued_even_if_the_first_never_knew_its_number(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    world.scheduler().tick()
    world.begin("100_0")
    caplog.clear()
    scheduler = world.scheduler()
    assert "a still runs (100_0)" in caplog.text and "2 experiments are in the queue already" in caplog.text
    for _ in range(3):
        assert scheduler.tick()
    assert len(world.programs.calls("sbatch")) == 1 and world.states() == ["running", "pending", "pending"]


def test_a_run_folder_that_is_reached_by_another_path_is_the_same_run(world: World, tmp_path: Path) -> None:
    world.scheduler().tick()
    (tmp_path / "moved").symlink_to(world.folder)
    again = Slurm(tmp_path / "moved", SlurmConfig(), save_sec=60.0)
    assert again.queued() == set(world.names)


def test_an_array_of_another_run_or_user_program_is_not_ours(world: World, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    World(tmp_path / "other", world.programs).scheduler().tick()
    assert Arrays(world.folder).elements() == []
    world.scheduler().tick()
    assert [element.job for element in Arrays(world.folder).elements()] == ["101_0", "101_1", "101_2"]


def test_what_is_cancelled_in_the_queue_is_submitted_again_by_the_next_runner(world: World) -> None:
    world.scheduler().tick()
    world.programs.set_state("100_1", "CANCELLED")
    world.scheduler().tick()
    assert Arrays(world.folder).elements()[-1].experiment == "b" and "101_0" in world.programs.jobs()
    assert world.states() == ["pending"] * 3


def test_jobs_that_end_without_beginning_anything_are_failures_and_not_for_ever(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = world.scheduler(max_retries=1)
    for _ in range(10):
        is_left = scheduler.tick()
        for job in world.programs.jobs():
            world.programs.set_state(job, "FAILED")
    assert not is_left and scheduler.result() == FAILURE
    assert [entry.exit_status for entry in world.entries().values()] == [127] * 3
    assert "never began it; see " in caplog.text and "-slurm-100_0.out" in caplog.text
    assert len(world.programs.calls("sbatch")) == 2


@pytest.mark.parametrize(
    ("state", "exit_status", "failures"),
    [("PREEMPTED", INTERRUPTED, 0), ("NODE_FAIL", INTERRUPTED, 0), ("TIMEOUT", INTERRUPTED, 0), ("FAILED", None, 1)],
)
def test_an_attempt_that_died_is_a_failure_only_if_nothing_was_taken_away_from_it(
    world: World, state: str, exit_status: int | None, failures: int
) -> None:
    scheduler = world.scheduler(max_retries=0)
    scheduler.tick()
    world.begin("100_0")
    world.end("100_0", "a", None, state)
    scheduler.tick()
    entry = world.entries()["a"]
    assert (entry.exit_status, entry.failures) == (exit_status, failures)
    assert entry.state == ("failed" if failures else "pending")


def test_an_attempt_that_slurm_has_forgotten_has_failed_with_a_runner_and_not_without(world: World) -> None:
    scheduler = world.scheduler(max_retries=0)
    scheduler.tick()
    world.begin("100_0")
    world.begin("100_1")
    world.end("100_1", "b", 0)
    world.programs.forget()
    world.scheduler(max_retries=0)
    assert world.states() == ["pending", "done", "pending"] and world.entries()["a"].failures == 0


def test_a_requeued_element_waits_in_the_queue_and_its_next_life_is_a_new_try(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = world.scheduler()
    scheduler.tick()
    world.begin("100_0")
    world.programs.set_state("100_0", "PENDING")  # killed before it could write anything down
    for _ in range(3):
        assert scheduler.tick()
    assert world.entries()["a"].state == "running" and len(world.programs.calls("sbatch")) == 1
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "100")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    [array] = [path.stem for path in (world.folder / "slurm").glob("*.json")]
    assert slurm_element.main([str(world.folder), array]) == 0
    entry = world.entries()["a"]
    assert (entry.state, entry.tries, entry.failures, entry.job) == ("done", 2, 0, "100_0")


def test_an_element_whose_experiment_is_done_or_runs_elsewhere_does_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.scheduler().tick()
    [array] = [path.stem for path in (world.folder / "slurm").glob("*.json")]
    world.ledger.begin("a", "slurm", "node", Place(), "99_5")
    world.ledger.begin("b", "slurm", "node", Place(), "99_6")
    world.ledger.finish("b", 1, 0)
    before = world.entries()
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "100")
    for index in ("0", "1"):
        monkeypatch.setenv("SLURM_ARRAY_TASK_ID", index)
        assert slurm_element.main([str(world.folder), array]) == 0
    assert world.entries() == before
    assert capsys.readouterr().out == "a: there is nothing to do\nb: there is nothing to do\n"
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID")
    assert slurm_element.main([str(world.folder), array]) == 1
    assert "this is not an element of a job array" in capsys.readouterr().err


def test_together_arrays_do_not_run_more_at_once_than_asked(world: World) -> None:
    scheduler = world.scheduler(slurm_max_parallel=2)
    scheduler.tick()
    world.begin("100_0")
    world.end("100_0", "a", 1)
    scheduler.tick()
    assert len(world.programs.calls("sbatch")) == 1, "the other two may be running"
    world.begin("100_1")
    world.end("100_1", "b", 0)
    scheduler.tick()
    assert "--array=0-0%1" in world.programs.calls("sbatch")[1]


@pytest.mark.parametrize(
    "reason",
    [
        "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)",
        "sbatch: error: QOSMaxSubmitJobPerUserLimit\nsbatch: error: Batch job submission failed: Job violates policy",
    ],
)
def test_a_cluster_that_does_not_answer_is_asked_again(
    world: World, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = world.scheduler(max_retries=0)
    world.programs.refuse("sbatch", reason)
    for _ in range(3):
        assert scheduler.tick()
    assert caplog.text.count("; trying again") == 1 and world.states() == ["pending"] * 3
    world.programs.refuse("sbatch", None)
    world.programs.refuse("squeue", "down")
    assert scheduler.tick() and len(world.programs.jobs()) == 0
    world.programs.refuse("squeue", None)
    assert scheduler.tick() and len(world.programs.jobs()) == 3


def test_a_queue_that_cannot_be_seen_ends_nothing(world: World) -> None:
    scheduler = world.scheduler()
    scheduler.tick()
    world.begin("100_0")
    world.programs.refuse("squeue", "down")
    assert scheduler.tick() and world.states() == ["running", "pending", "pending"]
    world.scheduler()
    assert world.states() == ["running", "pending", "pending"]


@pytest.mark.parametrize("reason", ["invalid partition specified: p", "Requested time limit is invalid"])
def test_a_submission_that_is_refused_is_a_failure_with_its_reason(
    world: World, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.programs.refuse("sbatch", f"sbatch: error: {reason}\nsbatch: more")
    scheduler = world.scheduler(max_retries=0)
    scheduler.tick()
    assert not scheduler.tick() and scheduler.result() == FAILURE
    assert f"a: sbatch ended with status 1: sbatch: error: {reason}" in caplog.text


def test_an_interrupted_runner_withdraws_what_waits_and_asks_what_runs(world: World) -> None:
    scheduler = world.scheduler()
    scheduler.tick()
    world.begin("100_0")
    scheduler.tick()
    scheduler.stop()
    assert world.programs.jobs() == {"100_0": "RUNNING", "100_1": "CANCELLED", "100_2": "CANCELLED"}
    assert ["--quiet", "--signal=TERM", "--full", "100_0"] in world.programs.calls("scancel")
    assert scheduler.is_ending()
    scheduler.kill()
    assert world.programs.jobs()["100_0"] == "CANCELLED"
    assert not scheduler.is_ending() and world.states() == ["pending"] * 3


def test_the_table_and_the_commands_know_the_queue(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    world.scheduler().tick()
    world.begin("100_0")
    world.begin("100_1")
    world.programs.set_state("100_1", "FAILED")
    assert status.main([str(world.folder)]) == 0
    assert ": 1 queued, 1 running, 1 gone; " in capsys.readouterr().out
    assert retry.main([str(world.folder), "a"]) == 1 and "a is running; cancel it first" in capsys.readouterr().err
    assert cancel.main([str(world.folder)]) == 0
    assert capsys.readouterr().out == "1 cancelled, 2 asked to save and end\n"
    assert world.states() == ["running", "cancelled", "cancelled"] and world.programs.jobs()["100_2"] == "CANCELLED"


def test_without_the_programs_a_job_cannot_be_cancelled_from_here(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    world.scheduler().tick()
    world.begin("100_0")
    monkeypatch.setenv("PATH", "")
    assert cancel.main([str(world.folder), "a"]) == 1
    assert "a runs elsewhere (slurm job 100_0 on node): cancel it there" in capsys.readouterr().err
    assert status.main([str(world.folder)]) == 0 and "1 running" in capsys.readouterr().out


VALUES = {"CMD": "run it", "FILENAME": "/w/job.sh", "PARTITION": "p", "GPU": "2", "CPU": "6", "TIMEOUT": "4h"}


@pytest.mark.parametrize(
    ("template", "script"),
    [
        ("", "#!/bin/bash\ntrap : TERM USR1\nexec run it\n"),
        (
            "#!/bin/sh\n#SBATCH --mem=1G\n\nconda activate sample-factory\ncd ~/sample-factory\n",
            "#!/bin/sh\n#SBATCH --mem=1G\n\ntrap : TERM USR1\nconda activate sample-factory\ncd ~/sample-factory\n"
            "exec run it\n",
        ),
        (
            "#!/bin/bash\n#SBATCH -p {{ PARTITION }} --gres=gpu:{{GPU}} -c {{ CPU }}\n"
            "#SBATCH --output={{ FILENAME }}-slurm-%j.out\ntimeout {{ TIMEOUT }} {{ CMD }}\necho done\n",
            "#!/bin/bash\n#SBATCH -p p --gres=gpu:2 -c 6\n#SBATCH --output=/w/job.sh-slurm-%j.out\ntrap : TERM USR1\n"
            "timeout 4h run it\necho done\n",
        ),
    ],
)
def test_templates_of_older_versions_are_filled_in(template: str, script: str) -> None:
    assert job_script(template, VALUES) == script


def test_a_placeholder_that_means_nothing_is_a_mistake(tmp_path: Path) -> None:
    path = tmp_path / "template.sh"
    path.write_text("#!/bin/bash\n{{ COMMAND }}\n")
    with pytest.raises(ValueError, match=r"\{\{ COMMAND \}\} means nothing; there are CMD, FILENAME"):
        Slurm(tmp_path, SlurmConfig(slurm_sbatch_template=str(path)), save_sec=60.0)
    with pytest.raises(ValueError, match="no_such cannot be read"):
        Slurm(tmp_path, SlurmConfig(slurm_sbatch_template="no_such"), save_sec=60.0)


@pytest.mark.parametrize(
    ("timeout", "flags"),
    [
        ("0", ["--signal=B:USR1@300"]),
        ("90s", ["--signal=B:USR1@45", "--time=2"]),
        ("4h", ["--signal=B:USR1@300", "--time=240"]),
        ("1.5d", ["--signal=B:USR1@300", "--time=2160"]),
    ],
)
def test_experiments_are_told_before_the_time_of_their_job_is_over(
    tmp_path: Path, timeout: str, flags: list[str]
) -> None:
    submission = Slurm(tmp_path, SlurmConfig(slurm_timeout=timeout), save_sec=300.0).submission(["a"], 0)
    assert [word for word in submission.command if word.startswith(("--signal", "--time"))] == flags
    assert "--array=0-0" in submission.command
    with pytest.raises(ValueError, match="--slurm_timeout=soon must be a time"):
        SlurmConfig(slurm_timeout="soon")


def test_errors_of_programs_are_one_line(world: World) -> None:
    world.programs.refuse("squeue", "slurm_load_jobs error: Unable to contact slurm controller\nmore")
    with pytest.raises(ClientError, match=r"^squeue ended with status 1: slurm_load_jobs error: .* controller; more$"):
        Arrays(world.folder).elements()
    place = Slurm(world.folder, SlurmConfig(slurm_workdir="/dev/null/x"), save_sec=60.0)
    assert place.submit(world.ledger.entries()) == []
    world.programs.refuse("squeue", None)
    place = Slurm(world.folder, SlurmConfig(slurm_workdir="/dev/null/x"), save_sec=60.0)
    with pytest.raises(StartError, match="cannot write a job script: Not a directory"):
        place.submit(world.ledger.entries())


@pytest.mark.parametrize("is_installed", [True, False])
def test_printing_shows_script_and_command_and_writes_nothing(
    is_installed: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if is_installed:
        request.getfixturevalue("programs")
    else:
        monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    (tmp_path / "printed_study.py").write_text(
        SCRIPT.format(experiments='Experiment("x", COMMAND, [{"a": 1}, {"a": 2}])')
    )
    flags = ["--slurm_print_only=True"] if is_installed else []
    assert run.main(["--run=printed_study", "--runner=slurm", *flags]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "#!/bin/bash" and " -m sample_factory.runner.backends.slurm_element " in lines[3]
    assert lines[-2].startswith("sbatch --parsable ") and "--array=0-1" in lines[-2]
    why = "as asked" if is_installed else "there are no programs sbatch, squeue, scancel"
    assert lines[-1] == f"# only printed: {why}"
    assert not (tmp_path / "train_dir").exists()
