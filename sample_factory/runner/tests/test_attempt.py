"""Attempts that nobody can send signals to, as places start them that only share the run's folder. Real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sample_factory.runner.ledger import Entry, Ledger, Place, Task
from sample_factory.runner.tests.study import ROOT, Study

GUARDIAN = """
import signal, subprocess, sys, os
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
process = subprocess.Popen([sys.executable, "-m", "sample_factory.runner.attempt", *sys.argv[1:], str(os.getpid())])
sys.exit(process.wait())
"""
NAME = "x_/00_x"


class Attended(Study):
    """One experiment, and a process that starts its attempt with all signals blocked, as Ray's workers have them."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        command = "python -m sample_factory.runner.tests.small_experiment --experiment=00_x"
        words = (*command.split(), f"--dir={self.folder / 'x_'}", "--do=wait")
        (self.folder / "x_").mkdir(parents=True)
        self.ledger = Ledger.create(self.folder)
        self.ledger.enter([Task(NAME, words, {})])

    def begin(self) -> subprocess.Popen[bytes]:
        """Returns the process that has started the attempt."""
        begun = self.ledger.begin(NAME, "somewhere", "there", Place())
        assert begun is not None
        command = [sys.executable, "-c", GUARDIAN, str(self.folder), NAME, str(begun.tries)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        self.runner = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        self.wait_for_begin()
        return self.runner

    def entry(self) -> Entry:
        [entry] = self.ledger.entries()
        return entry


@pytest.fixture
def attended(tmp_path: Path) -> Iterator[Attended]:
    made = Attended(tmp_path)
    yield made
    made.destroy()


def test_it_saves_and_ends_when_the_ledger_says_so(attended: Attended) -> None:
    guardian = attended.begin()
    attended.ledger.stop([NAME])
    assert guardian.wait(60) == 0
    assert (attended.entry().state, attended.entry().exit_status) == ("pending", 2)


@pytest.mark.parametrize("end", [Ledger.cancel, lambda ledger, names: None], ids=["cancelled", "not cancelled"])
def test_it_is_killed_when_its_try_is_over(attended: Attended, end: Callable[[Ledger, list[str]], object]) -> None:
    guardian = attended.begin()
    end(attended.ledger, [NAME])
    attended.ledger.finish(NAME, 1, None)
    over = attended.entry()
    assert guardian.wait(60) == 0
    assert attended.entry() == over and over.state in ("cancelled", "failed")
    assert attended.diary(over) == ["begin"]


def test_it_does_not_run_beside_the_next_try(attended: Attended) -> None:
    guardian = attended.begin()
    attended.ledger.retry([NAME], ["running"])
    attended.ledger.begin(NAME, "somewhere", "there", Place())
    before = attended.entry()
    assert guardian.wait(60) == 0
    assert attended.entry() == before


def test_it_ends_with_the_process_that_has_started_it(attended: Attended) -> None:
    guardian = attended.begin()
    pid = attended.entry().pid
    assert pid is not None
    processes = [psutil.Process(pid), *psutil.Process(pid).children()]
    os.kill(guardian.pid, signal.SIGKILL)
    assert len(processes) == 2 and not psutil.wait_procs(processes, timeout=60)[1]
    guardian.wait()


def test_it_does_not_begin_if_that_process_is_gone(attended: Attended) -> None:
    attended.ledger.begin(NAME, "somewhere", "there", Place())
    command = [sys.executable, "-m", "sample_factory.runner.attempt", str(attended.folder), NAME, "1", "1"]
    assert subprocess.run(command, cwd=ROOT, timeout=60, check=False).returncode == 0
    assert attended.entry().pid is None and attended.diary(attended.entry()) == []


def test_an_end_that_was_noted_twice_interrupts_once(attended: Attended) -> None:
    guardian = attended.begin()
    attended.ledger.stop([NAME])
    attended.ledger.cancel([NAME])
    assert guardian.wait(60) == 0
    assert attended.entry().state == "cancelled"
