"""Tiny components that work, die, hang or fail, as targets in child processes. Know no supervisor."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from sample_factory.system.arena import Arena
from sample_factory.system.board import Field, Slot
from sample_factory.system.doorbell import Doorbell


def work(arena: Arena, slot_index: int, doorbell: Doorbell, trouble: str, reports: Any) -> None:
    """Make progress until told to stop; `trouble` happens after some, or before any."""
    slot = Slot(arena, slot_index)
    slot.beat()
    lives = arena["lives"]
    lives[slot_index] += 1
    first_life = lives[slot_index] == 1
    if trouble == "user's mistake":
        raise ValueError("--flag=1 is wrong")
    if trouble == "fails at once":
        raise RuntimeError(f"failure of life {int(lives[slot_index])}")
    slot.row[Field.READY] = 1
    slot.add(Field.PROGRESS, 1)
    reports.send("hello", life=int(lives[slot_index]))
    if trouble == "always fails after little progress":
        raise RuntimeError(f"failure of life {int(lives[slot_index])}")
    if trouble == "dies once" and first_life:
        os.kill(os.getpid(), signal.SIGKILL)
    if trouble == "always dies":
        os._exit(3)
    if trouble == "hangs once" and first_life:
        hang()
    while not slot.stopping:
        slot.beat()
        if trouble != "stands still":
            slot.add(Field.PROGRESS, 1)
        doorbell.wait(0.05)
    if trouble == "does not end":
        hang()
    reports.send("bye")


def hang() -> None:
    """Wait for ever."""
    while True:
        time.sleep(1000)


def fill(arena: Arena, value: float, _reports: Any) -> None:
    """Write to shared memory from a child."""
    arena["numbers"][:] = value


def describe_process(_reports: Any) -> None:
    """Tell what the process is like."""
    _reports.send(
        "process",
        cores=sorted(os.sched_getaffinity(0)),
        niceness=os.nice(0),
        variable=os.environ.get("SF_TEST_VARIABLE"),
        name=Path("/proc/self/comm").read_text().strip(),
        terminable=_sigterm_of_a_program(),
    )


def _sigterm_of_a_program() -> int:
    """Exit status of a program that this process starts and terminates."""
    import subprocess

    program = subprocess.Popen(["sleep", "100"])
    program.terminate()
    return program.wait(20)


def double(value: int) -> int:
    """For trials."""
    return 2 * value


def refuse(value: int) -> int:
    """For trials."""
    raise ValueError(f"{value} is wrong")


def crash() -> None:
    """For trials: what an environment with a bug in native code does."""
    os.kill(os.getpid(), signal.SIGSEGV)
