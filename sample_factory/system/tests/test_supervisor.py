"""The supervisor with tiny real processes. Knows no component of a training run."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from sample_factory.system import supervisor as module
from sample_factory.system.arena import Arena, ArraySpec
from sample_factory.system.board import board_specs
from sample_factory.system.doorbell import Doorbell
from sample_factory.system.process import NotStartedError, ProcessSettings, end_start_server
from sample_factory.system.reports import Report
from sample_factory.system.supervisor import Component, ComponentFailedError, Supervisor
from sample_factory.system.tests import components_for_tests as targets

WAIT_SEC = 30.0
Make = Callable[..., Supervisor]


@pytest.fixture(scope="module", autouse=True)
def start_server() -> Iterator[None]:
    yield
    end_start_server()


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[tuple[Supervisor, list[Doorbell]]] = []

    def make_supervisor(*troubles: str, **options: object) -> Supervisor:
        arena = Arena.create({"lives": ArraySpec((len(troubles),), int)} | board_specs(len(troubles)))
        doorbells = [Doorbell() for _ in troubles]
        components = [
            Component(
                name=f"component {index}",
                slot=index,
                target=targets.work,
                args=(arena, index, doorbell, trouble),
                settings=ProcessSettings(experiment_dir=str(tmp_path)),
                bell=doorbell.bell,
            )
            for index, (trouble, doorbell) in enumerate(zip(troubles, doorbells, strict=True))
        ]
        settings = {"stall_timeout_sec": 60, "start_timeout_sec": 60, "max_restarts": 2} | options
        supervisor = Supervisor(arena, components, ["numpy"], **settings)
        made.append((supervisor, doorbells))
        return supervisor

    yield make_supervisor
    for supervisor, doorbells in made:
        supervisor.stop(0.0)
        supervisor.arena.close()
        for doorbell in doorbells:
            doorbell.close()


def poll_until(supervisor: Supervisor, condition: Callable[[list[Report]], bool]) -> list[Report]:
    reports: list[Report] = []
    deadline = time.monotonic() + WAIT_SEC
    while not condition(reports):
        assert time.monotonic() < deadline, reports
        reports += supervisor.poll(0.05)
    return reports


def lives_of(supervisor: Supervisor) -> list[int]:
    return [int(lives) for lives in supervisor.arena["lives"]]


def test_components_report_and_end_when_told(make: Make) -> None:
    supervisor = make("", "")
    supervisor.start()
    poll_until(supervisor, lambda reports: len(reports) == 2)
    pids = supervisor.pids()
    assert set(pids) == {"component 0", "component 1"}
    assert [report.kind for report in supervisor.stop(10.0)] == ["bye", "bye"]
    assert supervisor.num_killed_at_stop == 0
    assert not any(psutil.pid_exists(pid) for pid in pids.values())


def test_a_killed_component_is_cleaned_up_after_and_replaced(make: Make) -> None:
    supervisor = make("dies once", "")
    reclaimed: list[int] = []
    supervisor.components[0].reclaim = lambda: reclaimed.append(lives_of(supervisor)[0])
    supervisor.start()
    second, other = Report("component 0", "hello", {"life": 2}), Report("component 1", "hello", {"life": 1})
    poll_until(supervisor, lambda reports: second in reports and other in reports)
    assert reclaimed == [1], "before the second life begins"
    assert lives_of(supervisor) == [2, 1]
    assert supervisor.num_deaths == 1


def test_deaths_with_progress_in_between_are_forgiven(make: Make) -> None:
    supervisor = make("", max_restarts=1)
    supervisor.start()
    for life in range(1, 5):
        poll_until(supervisor, lambda reports, life=life: lives_of(supervisor) == [life] and bool(reports))
        os.kill(supervisor.pids()["component 0"], signal.SIGKILL)
    poll_until(supervisor, lambda reports: lives_of(supervisor) == [5])


@pytest.mark.parametrize("trouble", ["fails at once", "always fails after little progress"])
def test_failures_without_enough_progress_end_the_run_with_the_first_error(make: Make, trouble: str) -> None:
    supervisor = make(trouble, max_restarts=1)
    supervisor.components[0].progress_before_error = 10
    supervisor.start()
    with pytest.raises(ComponentFailedError) as failure:
        poll_until(supervisor, lambda reports: False)
    text = str(failure.value)
    assert text.startswith("Traceback")
    assert "RuntimeError: failure of life 1" in text
    assert text.endswith("component 0 failed 2 times without progress")
    assert lives_of(supervisor) == [2]


def test_a_silent_death_names_the_exit_code(make: Make) -> None:
    supervisor = make("always dies", max_restarts=0)
    supervisor.components[0].progress_before_error = 10
    supervisor.arena["board"][0] = 0
    supervisor.start()
    supervisor.components[0].progress_at_start = 100.0  # whatever it does is no progress
    with pytest.raises(ComponentFailedError, match="component 0 ended with exit code 3"):
        poll_until(supervisor, lambda reports: False)


def test_the_same_traceback_is_logged_once(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = make("fails at once", max_restarts=0)
    component = supervisor.components[0]
    report = Report("component 0", "failure", {"error": "X: y", "traceback": "Traceback of it"})
    supervisor._show(component, report)
    supervisor._show(component, report)
    assert caplog.text.count("component 0 failed: X: y") == 2
    assert caplog.text.count("Traceback of it") == 1


def test_a_users_mistake_ends_the_run_at_once(make: Make) -> None:
    supervisor = make("user's mistake", max_restarts=100)
    supervisor.start()
    with pytest.raises(ComponentFailedError, match=r"component 0 failed: ValueError: --flag=1 is wrong$"):
        poll_until(supervisor, lambda reports: False)
    assert lives_of(supervisor) == [1]


def test_a_hanging_component_shows_its_stack_and_is_replaced(
    make: Make, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = make("hangs once", stall_timeout_sec=1.0)
    supervisor.start()
    poll_until(supervisor, lambda reports: lives_of(supervisor) == [2])
    assert "component 0 has been silent for 1 seconds" in caplog.text
    assert "in hang" in (tmp_path / "sf_log.txt").read_text()


def test_a_suspended_component_is_said_to_be_so(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = make("", stall_timeout_sec=1.0)
    supervisor.start()
    poll_until(supervisor, lambda reports: bool(reports))
    os.kill(supervisor.pids()["component 0"], signal.SIGSTOP)
    poll_until(supervisor, lambda reports: lives_of(supervisor) == [2])
    assert "suspended (SIGSTOP), so it cannot show its stack" in caplog.text


def test_standing_still_together_is_noticed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = make("stands still", "stands still", stall_timeout_sec=0.5, start_timeout_sec=0.5)
    with caplog.at_level(logging.ERROR):
        supervisor.start()
        poll_until(supervisor, lambda reports: min(lives_of(supervisor)) >= 2)
    assert "Nothing has moved for" in caplog.text


def test_nobodys_silence_counts_after_the_supervisor_itself_was_suspended(make: Make) -> None:
    supervisor = make("", stall_timeout_sec=20.0)
    supervisor.start()
    poll_until(supervisor, lambda reports: bool(reports))
    process = psutil.Process(supervisor.pids()["component 0"])
    process.suspend()
    supervisor.arena["board"][0, 0] -= 100.0  # an hour of sleep, as the clock sees it
    supervisor._last_poll -= 100.0
    supervisor.poll(0.0)
    assert supervisor.components[0].hang_since == 0.0
    process.resume()


def test_what_does_not_end_is_killed(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = make("does not end")
    supervisor.start()
    poll_until(supervisor, lambda reports: bool(reports))
    pid = supervisor.pids()["component 0"]
    supervisor.stop(0.5)
    assert "component 0 did not end" in caplog.text
    assert supervisor.num_killed_at_stop == 1
    assert not psutil.pid_exists(pid)


def test_a_child_that_cannot_be_started_is_tried_again_and_then_ends_the_run(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = []

    def start_child(*_: object) -> None:
        attempts.append(1)
        raise NotStartedError("component 0 could not be started: no memory")

    monkeypatch.setattr(module, "start_child", start_child)
    monkeypatch.setattr(module, "_RETRY_SEC", 0.0)
    supervisor = make("", max_restarts=2)
    supervisor.start()
    with pytest.raises(ComponentFailedError, match="no memory\ncomponent 0 failed 3 times"):
        poll_until(supervisor, lambda reports: False)
    assert len(attempts) == 3


def test_replacing_components_leaks_no_descriptor(make: Make) -> None:
    supervisor = make("")
    supervisor.start()
    counts = []
    for life in range(1, 5):
        poll_until(supervisor, lambda reports, life=life: lives_of(supervisor) == [life] and bool(reports))
        counts.append(psutil.Process().num_fds())
        os.kill(supervisor.pids()["component 0"], signal.SIGKILL)
    assert counts[1] == counts[-1], counts
