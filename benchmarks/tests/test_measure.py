"""Whole runs of a fake system: what is counted, what is reported, and that nothing is left running."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import psutil
import pytest

from benchmarks.measure import RunError, Timing, measure
from benchmarks.process_tree import ProcessTree

FAKE = [sys.executable, str(Path(__file__).with_name("fake_system.py"))]
SHORT = Timing(seconds=0.2, warmup_sec=0.1, silence_limit_sec=30.0)


def _run(tmp_path, *arguments, timing=SHORT):
    return measure([*FAKE, *arguments], os.environ, timing, tmp_path / "logs" / "fake.log")


def _is_running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_a_run_is_measured_and_ended_with_its_orphans(tmp_path, monkeypatch):
    monkeypatch.setattr(ProcessTree.end, "__defaults__", (0.1,))  # the fake ignores being asked
    orphan_file = tmp_path / "orphan"
    measurement = _run(tmp_path, "100", "100000", "orphan", str(orphan_file))
    assert measurement.seconds >= SHORT.seconds
    assert measurement.fps == measurement.frames / measurement.seconds > 0
    assert measurement.frames % 100 == 0
    assert measurement.peak_pss_bytes > 1_000_000
    assert measurement.startup_seconds > 0.05  # the first line with frames comes so late at the earliest
    assert Path(measurement.log).read_text().startswith("Fps is")
    assert not _is_running(int(orphan_file.read_text()))


def test_a_system_that_breaks_fails_with_its_last_words(tmp_path):
    with pytest.raises(RunError, match=r"(?s)status 1.*the fake system breaks"):
        _run(tmp_path, "100", "2", "crash")


def test_a_system_that_ends_too_early_fails(tmp_path):
    with pytest.raises(RunError, match="ended by itself with status 0"):
        _run(tmp_path, "100", "2")


def test_a_system_without_progress_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(ProcessTree.end, "__defaults__", (0.1,))
    with pytest.raises(RunError, match="no progress"):
        _run(tmp_path, "100", "100000", "silent", timing=Timing(0.2, 0.1, silence_limit_sec=0.5))


def test_the_run_folder_is_given_to_the_command_and_removed(tmp_path):
    script = "import os, sys, time; print(sys.argv[1], os.getcwd()); [print('Total num frames:', i) for i in range(9)]"
    with pytest.raises(RunError, match="ended by itself"):
        measure([sys.executable, "-c", script, "{run_dir}/x"], os.environ, SHORT, tmp_path / "log")
    argument, folder = (tmp_path / "log").read_text().splitlines()[0].split()
    assert argument == f"{folder}/x"
    assert not Path(folder).exists()


def test_named_shared_memory_of_killed_processes_is_removed(tmp_path):
    mine = Path(f"/dev/shm/benchmark-test-mine-{os.getpid()}")
    theirs = Path(f"/dev/shm/benchmark-test-theirs-{os.getpid()}")
    script = (
        "import mmap, sys, time; f = open(sys.argv[1], 'w+b'); f.truncate(4096); m = mmap.mmap(f.fileno(), 4096);"
        "print('ready', flush=True); time.sleep(600)"
    )
    log = tmp_path / "log"
    try:
        theirs.write_bytes(bytes(4096))
        with theirs.open("r+b") as file, mmap.mmap(file.fileno(), 4096):
            tree = ProcessTree([sys.executable, "-c", script, str(mine)], os.environ, tmp_path, log)
            while "ready" not in log.read_text():
                assert tree.exit_status is None
            assert mine.exists()
            tree.end()
        assert (mine.exists(), theirs.exists()) == (False, True)
    finally:
        mine.unlink(missing_ok=True)
        theirs.unlink(missing_ok=True)
