"""No more compilations at once than allowed, with all cores, and everything as before afterwards. Knows no level."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from sample_factory.envs.dmlab.level_cache import compiles
from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots
from sample_factory.envs.dmlab.level_cache.tests import processes_that_compile as processes

WAIT_SEC = 60.0
CONTEXT = multiprocessing.get_context("spawn")

linux = pytest.mark.skipif(sys.platform != "linux", reason="affinity is Linux's")

Holder = tuple[SpawnProcess, Connection]


class GaveUpError(Exception):
    """Instead of waiting."""


def give_up() -> None:
    raise GaveUpError


def is_free(folder: Path, limit: int) -> bool:
    slots = CompileSlots(limit, folder, still_alive=give_up)
    try:
        slots.enter()
    except GaveUpError:
        return False
    slots.leave()
    return True


@pytest.fixture
def start_holder(tmp_path: Path) -> Iterator[Callable[[int], Holder]]:
    started: list[Holder] = []

    def start(limit: int) -> Holder:
        here, there = CONTEXT.Pipe()
        process = CONTEXT.Process(target=processes.hold, args=(tmp_path, limit, there), daemon=True)
        process.start()
        there.close()
        started.append((process, here))
        assert here.poll(WAIT_SEC) and here.recv() == "held"
        return process, here

    yield start
    for process, connection in started:
        connection.close()
        process.kill()
        process.join(WAIT_SEC)
        process.close()


def test_a_place_is_for_one_until_it_is_left(tmp_path: Path) -> None:
    slots = CompileSlots(1, tmp_path)
    slots.enter()
    slots.enter()
    assert not is_free(tmp_path, 1) and is_free(tmp_path, 2)
    slots.leave()
    slots.leave()
    assert is_free(tmp_path, 1)


def test_never_more_at_once_than_the_limit_over_all_processes(tmp_path: Path) -> None:
    log = tmp_path / "log"
    args = (tmp_path / "places", 2, log, 8)
    running = [CONTEXT.Process(target=processes.count_at_once, args=args) for _ in range(4)]
    for process in running:
        process.start()
    for process in running:
        process.join(WAIT_SEC)
        assert process.exitcode == 0
        process.close()
    text, at_once, most = log.read_text(), 0, 0
    for sign in text:
        at_once += 1 if sign == "+" else -1
        most = max(most, at_once)
    assert len(text) == 4 * 8 * 2 and at_once == 0
    assert most <= 2


def test_whoever_waits_says_that_it_is_alive_and_comes_next(tmp_path: Path, start_holder: Callable) -> None:
    _, connection = start_holder(1)
    beats = 0

    def beat() -> None:
        nonlocal beats
        beats += 1
        if beats == 3:
            connection.send("leave")

    slots = CompileSlots(1, tmp_path, still_alive=beat)
    slots.enter()
    assert beats >= 3
    assert connection.recv() == "left"
    slots.leave()


def test_a_killed_process_leaves_its_place(tmp_path: Path, start_holder: Callable) -> None:
    process, _ = start_holder(1)
    assert not is_free(tmp_path, 1)
    os.kill(process.pid, signal.SIGKILL)
    process.join(WAIT_SEC)
    assert is_free(tmp_path, 1)


def test_a_place_that_is_never_given_back_is_passed_over_in_the_end(
    tmp_path: Path, start_holder: Callable, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start_holder(1)
    monkeypatch.setattr(compiles, "_LONGEST_WAIT_SEC", 0.0)
    with caplog.at_level(logging.WARNING):
        slots = CompileSlots(1, tmp_path)
        slots.enter()
        slots.leave()
        slots.enter()
        slots.leave()
    assert len(caplog.records) == 1 and "is not limited" in caplog.text


def test_a_folder_of_somebody_else_is_not_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "places").symlink_to(elsewhere)
    slots = CompileSlots(1, tmp_path / "places")
    with caplog.at_level(logging.WARNING):
        slots.enter()
        slots.leave()
    assert "not a folder of this user" in caplog.text and list(elsewhere.iterdir()) == []


@linux
def test_the_compiler_of_a_pinned_worker_has_the_cores_and_the_niceness_of_the_run(tmp_path: Path) -> None:
    cores = sorted(os.sched_getaffinity(0))
    here, there = CONTEXT.Pipe()
    process = CONTEXT.Process(target=processes.describe_self_and_compiler, args=(tmp_path, cores[0], 3, there))
    process.start()
    there.close()
    before, within, after = here.recv()
    process.join(WAIT_SEC)
    process.close()
    here.close()
    own = os.nice(0)
    assert before == after == [cores[:1], min(19, own + 3)]
    may_be_less_nice = os.geteuid() == 0
    assert within == [cores, own if may_be_less_nice else min(19, own + 3)]


@linux
@pytest.mark.parametrize("interrupted", [KeyboardInterrupt, RuntimeError])
def test_an_interruption_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted: type[BaseException]
) -> None:
    before = compiles._own_scheduling()
    narrow = before._replace(cores=frozenset({min(before.cores)}))
    real_apply = compiles._apply
    applied: list[object] = []

    def apply(scheduling: object) -> None:
        real_apply(scheduling)
        applied.append(scheduling)
        if len(applied) == 1:
            raise interrupted  # as a signal handler would, in the middle

    monkeypatch.setattr(compiles, "_widest", lambda own: narrow)
    monkeypatch.setattr(compiles, "_apply", apply)
    with pytest.raises(interrupted):
        CompileSlots(1, tmp_path).enter()
    assert applied == [narrow, before] and compiles._own_scheduling() == before
    assert is_free(tmp_path, 1)


def test_an_impossible_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        CompileSlots(0, tmp_path)
