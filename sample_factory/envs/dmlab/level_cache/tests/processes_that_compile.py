"""What test processes do while they hold a place. Knows no test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots

_DESCRIBE = "import json, os; print(json.dumps([sorted(os.sched_getaffinity(0)), os.nice(0)]))"


def describe_self_and_compiler(folder: Path, core: int, niceness: int, connection: Connection) -> None:
    """Send [cores, niceness] of the compiler, a child, before, while and after a pinned process holds a place."""
    os.sched_setaffinity(0, {core})
    os.nice(niceness)
    slots = CompileSlots(1, folder)
    seen = [_compiler()]
    slots.enter()
    seen.append(_compiler())
    slots.leave()
    seen.append(_compiler())
    connection.send(seen)


def hold(folder: Path, limit: int, connection: Connection) -> None:
    """Take a place, say so, and keep it until told to leave it."""
    slots = CompileSlots(limit, folder)
    slots.enter()
    connection.send("held")
    connection.recv()
    slots.leave()
    connection.send("left")
    connection.recv()


def count_at_once(folder: Path, limit: int, log: Path, rounds: int) -> None:
    """Append + and - to a file around each short compilation."""
    slots = CompileSlots(limit, folder)
    fd = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for _ in range(rounds):
        slots.enter()
        os.write(fd, b"+")
        time.sleep(0.01)
        os.write(fd, b"-")
        slots.leave()
    os.close(fd)


def _compiler() -> list[object]:
    done = subprocess.run([sys.executable, "-c", _DESCRIBE], check=True, capture_output=True, text=True)
    described: list[object] = json.loads(done.stdout)
    return described
