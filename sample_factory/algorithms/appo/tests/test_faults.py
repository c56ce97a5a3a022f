"""What a run survives, and how it ends when it does not: real runs, real processes, real signals. Knows no internals.

The bounds on waiting are promises to users (ten seconds after SIGTERM, ...), or generous where nothing is promised.
"""

from __future__ import annotations

import contextlib
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from sample_factory.algorithms.appo.tests.training_run import (
    ROOT,
    TrainingRun,
    name_of,
    still_alive,
    training,
    unused_shared_memory,
)
from sample_factory.system.checkpoints import CheckpointStore

CARTPOLE = "--env=gym_CartPole-v1"
FAILING_SCRIPT = (str(Path(__file__).parent / "envs_that_fail.py"),)
END_SEC = 10.0
DEATH_SEC = 5.0


def soak(*arguments: str, timeout_sec: float) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.soak", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_sec,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ": ok: " in done.stdout.splitlines()[-1]


def checkpoints(run: TrainingRun) -> list[Path]:
    return CheckpointStore(run.folder / "checkpoint_p0", keep=1).checkpoints()


def everything_of(run: TrainingRun) -> list[psutil.Process]:
    return [psutil.Process(run.process.pid), *run.descendants()]


def test_a_run_survives_the_death_of_each_kind_of_component(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE, "--inference=policy_workers") as run:
        for kind, name in (("rollout", "rollout worker"), ("policy", "policy worker"), ("learner", "learner")):
            run.wait_for_frames()
            run.components(kind)[0].kill()
            run.wait_until(lambda name=name: re.search(rf"{name} \S+ ended", run.output) is not None, f"end of {name}")
        run.wait_for_frames(500)
        run.signal_group(signal.SIGTERM)
        assert run.wait(END_SEC) == 2
        assert "Components ended 3 times and were replaced" in run.output
        assert "4 blocks: " in run.output
        assert "inconsistent" not in run.output


def test_one_of_four_learners_dies_and_comes_back_with_its_weights_while_the_others_go_on(tmp_path: Path) -> None:
    def updates(run: TrainingRun) -> list[int]:
        folders = [CheckpointStore(run.folder / f"checkpoint_p{policy}", keep=1) for policy in range(4)]
        return [max([0, *(int(path.stem.split("_")[1]) for path in folder.checkpoints())]) for folder in folders]

    with training(tmp_path, CARTPOLE, "--num_policies=4", "--save_every_sec=1") as run:
        run.wait_until(lambda: min(updates(run)) > 3, "checkpoints of all")
        before = updates(run)
        run.components("learner 2")[0].kill()
        run.wait_until(lambda: re.search(r"learner 2 ended", run.output) is not None, "end of the learner")
        run.wait_until(lambda: all(new > old for new, old in zip(updates(run), before, strict=True)), "updates of all")
        assert f"policy 2 continues from {run.folder}" in run.log
        run.signal_group(signal.SIGTERM)
        assert run.wait(END_SEC) == 2
        assert "Components ended 1 times and were replaced" in run.output and "inconsistent" not in run.output
        assert all(new >= old for new, old in zip(updates(run), before, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("inference", ["inline", "policy_workers"])
def test_a_short_soak_holds(inference: str) -> None:
    soak("kill", "--minutes=0.5", "--interval=5", f"--inference={inference}", timeout_sec=200)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "options",
    [
        ("--inference=inline",),
        ("--inference=policy_workers",),
        ("--inference=inline", "--env=doom_basic"),
        ("--inference=policy_workers", "--policy_workers_per_policy=2", "--use_rnn=True"),
    ],
)
def test_a_run_survives_a_death_every_five_seconds(options: tuple[str, ...]) -> None:
    soak("kill", "--minutes=5", "--interval=5", *options, timeout_sec=800)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_grows() -> None:
    soak("idle", "--minutes=10", timeout_sec=800)


@pytest.mark.parametrize("to_group", [pytest.param(False, marks=pytest.mark.slow), True])
def test_sigterm_saves_and_ends_with_status_2(tmp_path: Path, to_group: bool) -> None:
    with training(tmp_path, CARTPOLE) as run:
        run.wait_until(lambda: bool(checkpoints(run)), "first checkpoint")
        run.wait_for_frames()  # otherwise there may be nothing new to save
        frames = run.frames
        processes = everything_of(run)
        (run.signal_group if to_group else run.signal)(signal.SIGTERM)
        assert run.wait(END_SEC) == 2
        assert still_alive(processes, 1.0) == []
        assert int(checkpoints(run)[-1].stem.rpartition("_")[2]) >= frames
        assert "Traceback" not in run.output


@pytest.mark.slow
def test_the_first_interrupt_saves_and_the_second_ends_at_once(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE) as run:
        run.wait_until(lambda: bool(checkpoints(run)), "first checkpoint")
        processes = everything_of(run)
        stopped = run.components("learner", "rollout")
        for component in stopped:
            component.suspend()  # an orderly end would have to wait for them
        run.signal_group(signal.SIGINT)
        run.wait_for_output("a second Ctrl-C ends at once")
        assert run.process.poll() is None
        run.signal_group(signal.SIGINT)
        assert run.wait(2.0) == 2
        assert still_alive(processes, DEATH_SEC) == []


def test_an_interrupt_before_anything_has_started_ends_the_run(tmp_path: Path) -> None:
    with training(tmp_path, "--env=failing_sleeping_trial", program=FAILING_SCRIPT) as run:
        run.wait_until(lambda: "trial" in [name_of(process) for process in run.descendants()], "trial")
        processes = everything_of(run)
        run.signal(signal.SIGTERM)
        assert run.wait(END_SEC) == 2
        assert still_alive(processes, 1.0) == []


def test_everything_ends_with_a_killed_supervisor_even_what_is_suspended(tmp_path: Path) -> None:
    before = unused_shared_memory()
    with training(tmp_path, CARTPOLE, "--inference=policy_workers") as run:
        run.wait_for_frames()
        processes = everything_of(run)
        run.components("rollout")[0].suspend()
        run.signal(signal.SIGKILL)
        assert still_alive(processes, DEATH_SEC) == []
    assert unused_shared_memory() - before == set()


@pytest.mark.slow
def test_a_dead_start_server_is_replaced_with_all_its_children(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE) as run:
        run.wait_for_frames()
        psutil.Process(run.components("learner")[0].pid).parent().kill()
        run.wait_for_output("learner 0 ended")
        run.wait_for_frames(1000)
        run.signal(signal.SIGTERM)
        assert run.wait(END_SEC) == 2


@pytest.mark.slow
def test_a_suspended_component_is_named_and_replaced(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE, "--stall_timeout_seconds=2") as run:
        run.wait_for_frames()
        run.components("rollout 1")[0].suspend()
        run.wait_for_output("rollout worker 1 has been silent")
        assert "it is suspended (SIGSTOP), so it cannot show its stack" in run.output
        run.wait_for_output("it is replaced")
        run.wait_for_frames(1000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "options"),
    [("sleeping_step", "--stall_timeout_seconds=2"), ("sleeping_constructor", "--reset_timeout_seconds=4")],
)
def test_a_hanging_environment_is_named_shown_and_replaced(tmp_path: Path, trouble: str, options: str) -> None:
    no_steps_in_reset = "--decorrelate_envs_on_one_worker=False"
    with training(tmp_path, f"--env=failing_{trouble}", options, no_steps_in_reset, program=FAILING_SCRIPT) as run:
        run.wait_for_output("has been silent")
        assert re.search(r"rollout worker \d has been silent for \d+ seconds", run.output)
        run.wait_for_output("it is replaced")
        assert re.search(r"envs_that_fail.py.* in (step|__init__)", run.log), run.log
        run.wait_for_frames(500)


@pytest.mark.slow
def test_a_rare_failure_of_an_environment_is_counted_and_logged_once(tmp_path: Path) -> None:
    options = ("--env=failing_sometimes", "--num_workers=1", "--train_for_env_steps=30000")
    with training(tmp_path, *options, program=FAILING_SCRIPT) as run:
        assert run.wait(60.0) == 0
        assert re.search(r"Environments failed \d+ times and were rebuilt", run.output)
        assert run.log.count("RuntimeError: this step fails") == 1


@pytest.mark.parametrize(
    ("trouble", "last_words"),
    [
        pytest.param("constructor", "RuntimeError: this constructor fails in workers", marks=pytest.mark.slow),
        ("step", "RuntimeError: this step fails"),
    ],
)
def test_an_exhausted_budget_ends_the_run_with_the_first_error_last_on_screen(
    tmp_path: Path, trouble: str, last_words: str
) -> None:
    options = (f"--env=failing_{trouble}", "--max_restarts=1", "--num_workers=1")
    with training(tmp_path, *options, program=FAILING_SCRIPT) as run:
        assert run.wait(60.0) == 1
        ending = run.output.strip().splitlines()
        assert "failed 2 times without progress" in ending[-1]
        assert last_words in "\n".join(ending[-8:])
        assert "Traceback" in "\n".join(ending[-80:])


@pytest.mark.slow
def test_a_users_error_in_a_child_ends_the_run_at_once(tmp_path: Path) -> None:
    with training(tmp_path, "--env=failing_value_error", program=FAILING_SCRIPT) as run:
        assert run.wait(60.0) == 1
        assert run.output.strip().splitlines()[-1].endswith("--something=wrong is wrong")
        assert "replaced" not in run.output


def test_a_full_disk_costs_no_checkpoint_and_does_not_stop_training(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE, "--keep_checkpoints=2") as run:
        run.wait_until(lambda: bool(checkpoints(run)), "first checkpoint")
        learner = run.components("learner")[0]
        # To the learner, a file that may not grow looks like a disk that is full.
        resource.prlimit(learner.pid, resource.RLIMIT_FSIZE, (1024, resource.RLIM_INFINITY))
        before = checkpoints(run)
        run.wait_for_output("cannot write checkpoint")
        before = checkpoints(run)[-1]
        run.wait_for_frames(1000)
        assert checkpoints(run)[-1] == before
        assert CheckpointStore(run.folder / "checkpoint_p0", keep=1).load_latest() is not None
        resource.prlimit(learner.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        run.wait_until(lambda: checkpoints(run)[-1] > before, "checkpoint after there is room again")
        run.signal(signal.SIGTERM)
        assert run.wait(END_SEC) == 2


def test_a_second_run_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE) as first:
        first.wait_until(lambda: (first.folder / "cfg.json").exists(), "cfg.json")
        with training(tmp_path, CARTPOLE, "--restart_behavior=overwrite") as second:
            assert second.wait(30.0) == 1
            assert re.fullmatch(r"error: .* is in use by another run; [^\n]*\n", second.output)
        assert (first.folder / "cfg.json").exists()


@pytest.mark.slow
def test_a_killed_run_can_be_resumed_without_tidying_up(tmp_path: Path) -> None:
    with training(tmp_path, CARTPOLE) as first:
        first.wait_for_frames()
        first.signal(signal.SIGKILL)
        first.process.wait()
        with training(tmp_path, CARTPOLE) as second:
            second.wait_for_frames()


def test_too_few_file_descriptors_end_the_run_with_a_message(tmp_path: Path) -> None:
    limited = ("-c", "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (60, 60)); "
               "from sample_factory.algorithms.appo.train_appo import main; sys.exit(main())")  # fmt: skip
    with training(tmp_path, CARTPOLE, "--num_workers=40", program=limited) as run:
        processes = everything_of(run)
        assert run.wait(60.0) == 1
        assert "Too many open files" in run.output
        assert still_alive(processes, 2.0) == []


@pytest.mark.slow
def test_a_run_leaves_no_process_and_no_descriptor_in_its_own_process(tmp_path: Path) -> None:
    script = (
        "import gc, os, sys, psutil\n"
        "from sample_factory.algorithms.appo.train_appo import main\n"
        "counts = []\n"
        "for i in range(2):\n"
        "    main([*sys.argv[1:], f'--experiment={i}'])\n"
        "    gc.collect()\n"
        "    counts.append(len(os.listdir('/proc/self/fd')))\n"
        "print('descriptors', counts, 'children', psutil.Process().children())\n"
        "sys.exit(counts[0] != counts[1] or bool(psutil.Process().children()))\n"
    )
    with training(tmp_path, CARTPOLE, "--train_for_env_steps=2000", program=("-c", script)) as run:
        assert run.wait(90.0) == 0, run.output


@pytest.mark.slow
def test_a_rollout_worker_that_does_not_act_is_light(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = (
        "import gymnasium, time; env = gymnasium.make('CartPole-v1'); env.reset(); print(flush=True); time.sleep(1e3)"
    )
    bare = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    with bare, ended(bare), training(tmp_path, CARTPOLE, "--inference=policy_workers") as run:
        assert bare.stdout is not None
        bare.stdout.readline()
        run.wait_for_frames()
        assert "libtorch" not in Path(f"/proc/{run.process.pid}/maps").read_text(), "nor does the supervisor"
        bare_mib = mebibytes(bare.pid)
        for worker in run.components("rollout"):
            assert "libtorch" not in Path(f"/proc/{worker.pid}/maps").read_text()
            own_mib = mebibytes(worker.pid)
            with capsys.disabled():
                print(f"\n{worker.name()}: {own_mib:.1f} MiB, the bare environment {bare_mib:.1f} MiB (proportional)")
            assert own_mib - bare_mib <= 60
        assert all("libtorch" in Path(f"/proc/{c.pid}/maps").read_text() for c in run.components("learner", "policy"))


@contextlib.contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Kill it afterwards."""
    try:
        yield
    finally:
        process.kill()


def mebibytes(pid: int) -> float:
    """Proportional set size: shared pages count in parts."""
    return float(psutil.Process(pid).memory_full_info().pss) / 2**20
