"""One try of one experiment: a small process that starts it, waits, and writes its end into the ledger.

Entry point of the runner's children, which outlive it: `python -m sample_factory.runner.attempt FOLDER NAME NUMBER`.
Does not know what the experiment does, nor whether there is a runner.

Where nobody can send it signals there is a fourth argument, the pid of the process that started it. Then it ends with
that process, and looks into the ledger: when the experiment is to end it asks it to save, and when the try is no longer
its own, because somebody believes it lost, it kills the experiment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from sample_factory.runner.identity import process_identity, this_host
from sample_factory.runner.ledger import INTERRUPTED, Entry, Ledger, LedgerError, log_path

_NOT_STARTED = 127
_WRITE_AGAIN_SEC = 5.0
_LOOK_EVERY_SEC = 1.0
_PR_SET_PDEATHSIG = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Run the try, unless it is somebody else's; the exit status is always 0, because the ledger says the rest."""
    folder, name, number, *guardian = sys.argv[1:] if argv is None else argv
    if guardian:
        _end_with_parent()
        if os.getppid() != int(guardian[0]):  # it has ended before that
            return 0
    run_try(Path(folder), name, int(number), watches_ledger=bool(guardian))
    return 0


def run_try(
    folder: Path,
    name: str,
    number: int,
    passes_on: Collection[signal.Signals] = (signal.SIGTERM,),
    watches_ledger: bool = False,
) -> Collection[int]:
    """Run a try, unless it is somebody else's, and write its end into the ledger.

    Args:
        folder: of the run.
        name: of the experiment.
        number: of the try.
        passes_on: signals that only this process gets; the experiment is sent SIGTERM. Others it gets by itself:
            SIGINT is for the process group, which has both.
        watches_ledger: whether to look there for the end that others want of it.

    Returns:
        The signals that have come.
    """
    attempt = _Attempt(folder, passes_on, watches_ledger)
    entry = attempt.ledger.claim(name, number, this_host(), os.getpid(), process_identity(os.getpid()) or "")
    if entry is not None:
        attempt.record(entry, attempt.run(entry))
    return attempt.received


class _Attempt:
    """One try."""

    def __init__(self, folder: Path, passes_on: Collection[signal.Signals], watches_ledger: bool) -> None:
        self.ledger = Ledger(folder)
        self._watches_ledger = watches_ledger
        self.received: set[int] = set()
        self._child: subprocess.Popen[bytes] | None = None
        numbers = {signal.SIGINT, signal.SIGTERM, *passes_on}
        for number in numbers:
            signal.signal(number, self._pass_on if number in passes_on else self._note)
        # Whoever has started this may have blocked them, as Ray does, and that is inherited, by the experiment as well.
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def run(self, entry: Entry) -> int:
        """The exit status of the experiment's command."""
        if self.received:
            return INTERRUPTED
        command = _with_this_python(entry.task.command)
        path = log_path(self.ledger.folder, entry.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab", buffering=0) as log:
            log.write(_headline(entry).encode())
            try:
                _use_cores(entry.place.cores)
                self._child = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=_environment(entry.task.env_vars),
                    preexec_fn=_end_with_parent,
                )
            except OSError as error:
                log.write(f"error: cannot start {command[0]!r}: {error.strerror or error}\n".encode())
                return _NOT_STARTED
        if self.received:  # perhaps before it was there to be told
            self._child.send_signal(signal.SIGINT)
        return self._wait(self._child, entry)

    def record(self, entry: Entry, exit_status: int) -> None:
        """Write the end down; however long it takes until the disk has room."""
        while not self._is_recorded(entry, exit_status):
            time.sleep(_WRITE_AGAIN_SEC)

    def _is_recorded(self, entry: Entry, exit_status: int) -> bool:
        try:
            self.ledger.finish(entry.name, entry.tries, exit_status, bool(self.received))
        except LedgerError:
            return not self.ledger.folder.is_dir()  # if somebody has deleted it all, nobody wants to know
        return True

    def _wait(self, child: subprocess.Popen[bytes], entry: Entry) -> int:
        while self._watches_ledger:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(_LOOK_EVERY_SEC)
            with contextlib.suppress(LedgerError):  # a disk that is full, say, changes nothing
                self._do_as_written(child, self.ledger.entry(entry.name), entry.tries)
        return child.wait()

    def _do_as_written(self, child: subprocess.Popen[bytes], now: Entry | None, number: int) -> None:
        if now is None or now.state != "running" or now.tries != number:
            child.kill()
        elif now.stop is not None and not self.received:
            self.received.add(signal.SIGINT)
            child.send_signal(signal.SIGINT)

    def _note(self, number: int, *_: object) -> None:
        self.received.add(number)

    def _pass_on(self, number: int, *_: object) -> None:
        self.received.add(number)
        if self._child is not None:
            with contextlib.suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)


def _with_this_python(command: Sequence[str]) -> list[str]:
    return [sys.executable if command[0] == "python" else command[0], *command[1:]]


def _environment(env_vars: Mapping[str, str]) -> dict[str, str]:
    # Unbuffered, so that the log of an experiment that is killed has what it had printed.
    return {"PYTHONUNBUFFERED": "1"} | os.environ | dict(env_vars)


def _use_cores(cores: Sequence[int]) -> None:
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)


def _end_with_parent() -> None:
    """An experiment whose end nobody can write down must not go on beside the next try."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _headline(entry: Entry) -> str:
    return f"=== try {entry.tries}, {time.strftime('%Y-%m-%d %H:%M:%S')}: {shlex.join(entry.task.command)}\n"


if __name__ == "__main__":
    sys.exit(main())
