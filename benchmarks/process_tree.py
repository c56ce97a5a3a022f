"""A command with everything it starts: found, weighed and ended together. Does not know what the command does.

Training systems leave processes behind: simulators outlive their worker, move to another parent or session, and keep
the output open. So processes are recognised by any of: parent, session, a mark in their environment, or having been
seen before.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

_MARK = "BENCHMARK_RUN_MARK"
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied)
_SHARED_MEMORY = re.compile(r"\s(/dev/shm/\S+)$")


class ProcessTree:
    """Starts a command in its own session, its output going to a file, and keeps track of what it starts."""

    def __init__(self, command: Sequence[str], environ: Mapping[str, str], folder: Path, log_path: Path) -> None:
        self._mark = uuid.uuid4().hex
        self._seen: dict[tuple[int, float], psutil.Process] = {}
        self._start_sec = time.time()
        # A file and not a pipe: nobody must read it for the system to go on, and orphans that hold it open do no harm.
        with log_path.open("wb") as log:
            self._root = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env={**environ, _MARK: self._mark},
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """Exit status of the command itself, None while it runs."""
        return self._root.poll()

    def processes(self) -> list[psutil.Process]:
        """All living processes of the command."""
        ancestry = {self._root.pid}  # pids are listed in ascending order, parents mostly first; the rest is found below
        for process in psutil.process_iter():
            with contextlib.suppress(*_GONE, ProcessLookupError, PermissionError):
                if process.pid in ancestry or process.ppid() in ancestry or self._is_ours(process):
                    ancestry.add(process.pid)
                    self._remember(process)
        return [process for process in self._seen.values() if _is_alive(process)]

    def pss_bytes(self) -> int:
        """Memory of all processes; pages shared by several are divided among them."""
        total = 0
        for process in self.processes():
            with contextlib.suppress(*_GONE):
                total += process.memory_full_info().pss
        return total

    def end(self, grace_sec: float = 5.0) -> None:
        """Ask the command to end, kill whatever is left of it, and remove the shared memory that is left behind."""
        shared_memory = self._shared_memory()
        if self.exit_status is None:
            self._root.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._root.wait(grace_sec)
        while alive := self.processes():  # again, for what was started meanwhile
            for process in alive:
                with contextlib.suppress(*_GONE):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(alive, timeout=1.0)
        self._root.wait()
        for path in shared_memory:
            path.unlink(missing_ok=True)

    def _is_ours(self, process: psutil.Process) -> bool:
        # The session first: reading the environment of a process is dearer, and some overwrite theirs with a title.
        return os.getsid(process.pid) == self._root.pid or process.environ().get(_MARK) == self._mark

    def _remember(self, process: psutil.Process) -> None:
        identity = (process.pid, process.create_time())  # pids are used again
        self._seen.setdefault(identity, process)

    def _shared_memory(self) -> set[Path]:
        """Named shared memory that our processes use and that did not exist before them."""
        paths = set()
        for process in self.processes():
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{process.pid}/maps").read_text().splitlines():
                    if found := _SHARED_MEMORY.search(line):
                        paths.add(Path(found[1]))
        return {path for path in paths if path.exists() and path.stat().st_ctime >= self._start_sec}


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except _GONE:
        return False


def end_when_terminated() -> None:
    """Let SIGTERM end this process as an exception would: runs that it has begun end with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


class MemoryPeak:
    """Largest memory of a process tree, looked at every `interval_sec` at most."""

    def __init__(self, tree: ProcessTree, interval_sec: float = 2.0) -> None:
        self.peak_bytes = 0
        self._tree = tree
        self._interval_sec = interval_sec
        self._next_sec = 0.0

    def update(self) -> None:
        """Look if it is time to."""
        if time.monotonic() >= self._next_sec:
            self.peak_bytes = max(self.peak_bytes, self._tree.pss_bytes())
            self._next_sec = time.monotonic() + self._interval_sec
