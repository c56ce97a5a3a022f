"""How children run and end. Knows no component."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing import forkserver

import pytest

from sample_factory.system.arena import Arena, ArraySpec
from sample_factory.system.process import (
    NotStartedError,
    ProcessSettings,
    end_start_server,
    interrupt_flag,
    kill_tree,
    prepare_start_method,
    start_child,
)
from sample_factory.system.reports import Report, report_pipe
from sample_factory.system.tests import components_for_tests as targets
from sample_factory.system.trial import TrialCancelledError, call_in_trial_process

WAIT_SEC = 30.0


@pytest.fixture(scope="module", autouse=True)
def start_server() -> Iterator[None]:
    yield
    end_start_server()


def run_child(target: object, *args: object, settings: ProcessSettings | None = None) -> list[Report]:
    reader, writer = report_pipe("child")
    context = prepare_start_method(["numpy"])
    process = start_child(
        context, "some worker 1", target, args, settings or ProcessSettings(), writer, WAIT_SEC, lambda: False
    )
    writer.close()
    process.join(WAIT_SEC)
    assert process.exitcode is not None
    process.close()
    reports = reader.read()
    reader.close()
    return reports


@pytest.mark.skipif(sys.platform != "linux", reason="affinity and process names are Linux's")
def test_a_child_runs_as_its_settings_say() -> None:
    core = min(os.sched_getaffinity(0))
    settings = ProcessSettings(cores=(core,), niceness=3, environment={"SF_TEST_VARIABLE": "x"})
    (report,) = run_child(targets.describe_process, settings=settings)
    assert report.data["cores"] == [core]
    assert report.data["niceness"] == os.nice(0) + 3
    assert report.data["variable"] == "x"
    assert report.data["name"] == "some 1"
    assert report.data["terminable"] == -signal.SIGTERM, "an environment must be able to end its programs"


def test_a_child_sees_the_same_memory() -> None:
    arena = Arena.create({"other": ArraySpec((3,), "int8"), "numbers": ArraySpec((2, 3), "float32")})
    assert run_child(targets.fill, arena, 2.5) == []
    assert (arena["numbers"] == 2.5).all()
    assert (arena["other"] == 0).all()
    arena.close()


def test_a_stuck_start_server_does_not_block_the_supervisor() -> None:
    run_child(targets.fill, arena := Arena.create({"numbers": ArraySpec((1,), "float32")}), 1.0)
    pid = forkserver._forkserver._forkserver_pid
    os.kill(pid, signal.SIGSTOP)
    reader, writer = report_pipe("child")
    with pytest.raises(NotStartedError, match="child of the stuck did not start within 1 seconds"):
        start_child(
            prepare_start_method(["numpy"]),
            "child of the stuck",
            targets.fill,
            (arena, 2.0),
            ProcessSettings(),
            writer,
            1.0,
            lambda: False,
        )
    reader.close()
    writer.close()
    run_child(targets.fill, arena, 3.0)  # by a new server
    assert arena["numbers"][0] == 3.0
    arena.close()


def test_trials_return_raise_and_survive_crashes() -> None:
    context = prepare_start_method(["numpy"])

    def never() -> bool:
        return False

    assert call_in_trial_process(context, "it", WAIT_SEC, never, targets.double, 21) == 42
    with pytest.raises(ValueError, match=r"^3 is wrong$"):
        call_in_trial_process(context, "it", WAIT_SEC, never, targets.refuse, 3)
    with pytest.raises(ValueError, match=r"the env crashed its process \(SIGSEGV\)"):
        call_in_trial_process(context, "the env", WAIT_SEC, never, targets.crash)


def test_a_trial_that_hangs_is_bounded_and_can_be_cancelled() -> None:
    context = prepare_start_method(["numpy"])
    with pytest.raises(ValueError, match="the env was not ready after 1 seconds"):
        call_in_trial_process(context, "the env", 1.0, lambda: False, targets.hang)
    began = time.monotonic()
    with pytest.raises(TrialCancelledError):
        call_in_trial_process(context, "the env", WAIT_SEC, lambda: time.monotonic() > began + 1, targets.hang)


def test_the_first_signal_is_told_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[int] = []
    with interrupt_flag(seen.append):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
    assert seen and set(seen) == {signal.SIGTERM}
    assert signal.getsignal(signal.SIGTERM) is before


def test_killing_a_tree_takes_what_the_process_has_started() -> None:
    import subprocess

    shell = subprocess.Popen(["sh", "-c", "sleep 1000 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    assert shell.stdout is not None
    child = int(shell.stdout.readline())
    kill_tree(shell.pid)
    assert shell.wait(WAIT_SEC) == -signal.SIGKILL
    shell.stdout.close()
    deadline = time.monotonic() + WAIT_SEC
    while os.path.exists(f"/proc/{child}/exe") and _runs(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
