"""Whether an experiment runs, and how it ended, as far as files tell. Changes nothing and takes no lock."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, NamedTuple

from sample_factory.dashboard.log_tail import LogTail
from sample_factory.runner.backends.processes import is_alive, is_here
from sample_factory.runner.ledger import Entry

State = Literal["running", "failed", "stopped", "waiting", "cancelled", "done", "unreadable"]
STATES: tuple[State, ...] = ("running", "failed", "unreadable", "stopped", "waiting", "cancelled", "done")
"""In the order in which they are shown."""

_FRESH_SEC = 60.0
"""What was written to so lately may be written by a machine whose locks cannot be seen here."""
_LOCKS = Path("/proc/locks")
_LOCK = re.compile(r"\d+: FLOCK +\S+ +WRITE +\S+ ([0-9a-f]+):([0-9a-f]+):(\d+) ")

FolderId = tuple[int, int]
"""Device and inode."""


class Judgement(NamedTuple):
    """What is to be said about an experiment."""

    state: State
    why: str = ""


def locked_folders() -> set[FolderId]:
    """What anybody on this machine holds a lock of; a training does of its folder. Empty where the kernel does not say.

    To try the lock would be to hold it for a moment, in which a training could not begin.
    """
    try:
        lines = _LOCKS.read_text().splitlines()
    except OSError:
        return set()
    found = [match for line in lines if (match := _LOCK.match(line))]
    return {(os.makedev(int(match[1], 16), int(match[2], 16)), int(match[3])) for match in found}


def judge(is_locked: bool, is_done: bool, log: LogTail, entry: Entry | None, quiet_sec: float) -> Judgement:
    """The first rule that holds.

    Args:
        is_locked: somebody holds the lock of the folder.
        is_done: the same command line would end at once.
        log: its end.
        entry: of the study that it belongs to.
        quiet_sec: since something was last written.
    """
    if is_locked:
        return Judgement("running")
    if is_done:
        return Judgement("done")
    if entry is not None and entry.state == "running" and (not is_here(entry) or is_alive(entry)):
        return Judgement("running", f"says the ledger; on {entry.host}")
    if log.error:
        return Judgement("failed", log.error)
    if entry is not None and entry.state == "failed":
        return Judgement("failed", f"with exit status {entry.exit_status}")
    if not log.has_ended and quiet_sec < _FRESH_SEC:
        return Judgement("running", "something was written in the last minute, though nobody here holds the folder")
    if entry is not None and entry.state == "cancelled":
        return Judgement("cancelled")
    if entry is not None and entry.state == "pending":
        return Judgement("waiting", "for its turn in the study")
    return Judgement("stopped", "" if log.has_ended else "its log does not say why; perhaps it was killed")
