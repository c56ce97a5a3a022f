"""Which state an experiment is in, and that looking at it changes nothing."""

from __future__ import annotations

import sys

import pytest

from sample_factory.dashboard.log_tail import LogTail
from sample_factory.dashboard.state import judge, locked_folders
from sample_factory.runner.ledger import Entry, Place, Task
from sample_factory.system.folder_lock import FolderLock

LONG_AGO = 1e6


def entry(state: str, **values) -> Entry:
    about = dict.fromkeys(("stop", "backend", "host", "pid", "process", "job", "started", "ended", "exit_status"))
    return Entry(Task("a", ("python",), {}), state, 1, 0, **{**about, "place": Place(), **values})


@pytest.mark.parametrize(
    ("is_locked", "is_done", "log", "in_ledger", "quiet_sec", "state"),
    [
        (True, False, LogTail(), None, LONG_AGO, "running"),
        (True, True, LogTail(has_ended=True), None, LONG_AGO, "running"),  # it was given more frames
        (False, True, LogTail(has_ended=True), None, 0, "done"),
        (False, False, LogTail(has_ended=True), None, 0, "stopped"),
        (False, False, LogTail(has_ended=True, error="boom"), None, 0, "failed"),
        (False, False, LogTail(), None, 5, "running"),  # perhaps on another machine
        (False, False, LogTail(), None, LONG_AGO, "stopped"),
        (False, False, LogTail(has_ended=True), entry("failed", exit_status=1), 0, "failed"),
        (False, False, LogTail(has_ended=True), entry("pending"), 0, "waiting"),
        (False, False, LogTail(), entry("cancelled"), LONG_AGO, "cancelled"),
        (False, False, LogTail(), entry("running", host="another"), LONG_AGO, "running"),
    ],
)
def test_rules(is_locked, is_done, log, in_ledger, quiet_sec, state):
    assert judge(is_locked, is_done, log, in_ledger, quiet_sec).state == state


def test_failure_says_why():
    assert judge(False, False, LogTail(error="boom"), None, LONG_AGO).why == "boom"


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels do not list locks")
def test_lock_of_a_training_is_seen_without_being_tried(tmp_path):
    status = tmp_path.stat()
    assert (status.st_dev, status.st_ino) not in locked_folders()
    with FolderLock(tmp_path):
        assert (status.st_dev, status.st_ino) in locked_folders()
    assert (status.st_dev, status.st_ino) not in locked_folders()
