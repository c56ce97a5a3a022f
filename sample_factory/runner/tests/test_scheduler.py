"""What is started when, and that nothing is lost or done twice, however often everything crashes. Starts no process."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.runner.backends.backend import StartError
from sample_factory.runner.ledger import Entry, Ledger, LedgerError, Place, Task
from sample_factory.runner.scheduler import FAILURE, SUCCESS, Scheduler, run

INTERRUPTED = 2
FAST_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Thousands of transactions that wait for a disk would take minutes."""


class CrashError(Exception):
    """The runner is killed at this instruction."""


class FakeWorld:
    """Attempts that claim and end when they are told; it survives runners, which see it as a backend."""

    name = "fake"
    poll_sec = 0.0
    sees_ends = True

    def __init__(self, folder: Path, num_places: int = 2) -> None:
        self.ledger = Ledger.create(folder)
        self.num_places = num_places
        self.on_their_way: list[tuple[str, int]] = []
        self.alive: list[tuple[str, int]] = []
        self.starts: list[str] = []
        self.successes: Counter[str] = Counter()
        self.stopped: list[tuple[str, bool]] = []
        self.forgotten: set[tuple[str, int]] = set()
        self.crash: str | None = None
        self.error: StartError | None = None

    # What the scheduler asks.

    def sees(self, entry: Entry) -> bool:
        return entry.host != "elsewhere"

    def place(self, running: Sequence[Entry]) -> Place | None:
        return Place() if len(running) < self.num_places else None

    def start(self, entry: Entry) -> str | None:
        if self.error is not None:
            raise self.error
        self._crash_if("before start")
        self.starts.append(entry.name)
        self.on_their_way.append((entry.name, entry.tries))
        self._crash_if("after start")
        return None

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        there = {*self.alive, *self.on_their_way} - self.forgotten
        return {entry.name: None for entry in running if (entry.name, entry.tries) not in there}

    def stop(self, entry: Entry, kill: bool) -> None:
        self.stopped.append((entry.name, kill))
        if kill:
            self.alive = [attempt for attempt in self.alive if attempt[0] != entry.name]

    # What happens.

    def claim(self, index: int = 0) -> None:
        name, number = self.on_their_way.pop(index % len(self.on_their_way))
        if self.ledger.claim(name, number, "here", 1, "a") is not None:
            assert name not in [other for other, _ in self.alive], f"{name} runs twice"
            assert not self.successes[name], f"{name} was done, and runs again"
            self.alive.append((name, number))
            assert (name, number) not in self.forgotten

    def end(self, exit_status: int | None, index: int = 0) -> None:
        """None: it is killed, and writes nothing."""
        name, number = self.alive.pop(index % len(self.alive))
        if exit_status is not None:
            assert self.ledger.finish(name, number, exit_status)
        self.successes[name] += exit_status == 0

    def forget(self) -> None:
        """The next runner is another process: it does not know what this one was starting."""
        self.forgotten |= set(self.on_their_way)

    def reboot(self) -> None:
        self.alive, self.on_their_way = [], []

    def states(self) -> dict[str, str]:
        return {entry.name: entry.state for entry in self.ledger.entries()}

    def _crash_if(self, where: str) -> None:
        if self.crash == where:
            self.crash = None
            raise CrashError


def _scheduler(world: FakeWorld, names: Sequence[str], max_retries: int = 0, pause: float = 0.0) -> Scheduler:
    world.ledger.enter([Task(name, ("run", name), {}) for name in names])
    found = Scheduler(world.ledger, world, names, max_retries, pause, clock=lambda: NOW[0])
    found.recover()
    return found


NOW = [0.0]


@pytest.fixture
def world(tmp_path: Path) -> FakeWorld:
    return FakeWorld(tmp_path)


EVENTS = (
    "tick",
    "crash before start",
    "crash after start",
    "new runner",
    "reboot",
    "claim",
    "done",
    "fail",
    "interrupt",
    "die",
)


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 3)), max_size=60), st.booleans())
def test_whatever_crashes_each_experiment_succeeds_exactly_once(events: list[tuple[str, int]], forgets: bool) -> None:
    names = ["a", "b", "c", "d"]
    with tempfile.TemporaryDirectory(dir=FAST_FOLDER) as folder:
        world = FakeWorld(Path(folder))
        scheduler = _scheduler(world, names, max_retries=100)
        for event, index in events:
            if event.startswith("crash"):
                world.crash = event.removeprefix("crash ")
            if event == "tick" or event.startswith("crash"):
                try:
                    scheduler.tick()
                except CrashError:
                    if forgets:
                        world.forget()
                    scheduler = _scheduler(world, names, max_retries=100)
            elif event == "new runner":
                if forgets:
                    world.forget()
                scheduler = _scheduler(world, names, max_retries=100)
            elif event == "reboot":
                world.reboot()
                scheduler = _scheduler(world, names, max_retries=100)
            elif event == "claim" and world.on_their_way:
                world.claim(index)
            elif event in _ENDS and world.alive:
                world.end(_ENDS[event], index)
        world.crash = None
        for _ in range(len(names)):  # a runner gives up on what is interrupted again and again; the next one does not
            scheduler = _scheduler(world, names, max_retries=100)
            _finish_everything(world, scheduler)
        assert world.successes == Counter(names)
        assert set(world.states().values()) == {"done"}
        assert scheduler.result() == SUCCESS


_ENDS: dict[str, int | None] = {"done": 0, "fail": 1, "interrupt": INTERRUPTED, "die": None}


def _finish_everything(world: FakeWorld, scheduler: Scheduler) -> None:
    for _ in range(100):
        is_left = scheduler.tick()
        while world.on_their_way:
            world.claim()
        while world.alive:
            world.end(0)
        if not is_left:
            return
    raise AssertionError(f"never ends: {world.states()}")


def test_no_more_run_at_once_than_there_is_room_for(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a", "b", "c"])
    for _ in range(5):
        scheduler.tick()
    assert world.starts == ["a", "b"]
    world.claim()
    world.end(0)
    scheduler.tick()
    assert world.starts == ["a", "b", "c"]


def test_what_an_earlier_runner_started_takes_up_room_and_is_not_started_again(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a", "b", "c"])
    scheduler.tick()
    world.claim()
    scheduler = _scheduler(world, ["a", "b", "c"])
    for _ in range(5):
        scheduler.tick()
    assert world.starts == ["a", "b"]


def test_a_pause_is_between_starts_and_does_not_delay_the_first(world: FakeWorld) -> None:
    NOW[0] = 50.0
    scheduler = _scheduler(world, ["a", "b"], pause=10.0)
    scheduler.tick()
    NOW[0] = 59.9
    scheduler.tick()
    assert world.starts == ["a"]
    NOW[0] = 60.0
    scheduler.tick()
    assert world.starts == ["a", "b"]


@pytest.mark.parametrize("max_retries", [0, 1, 3])
def test_a_failing_experiment_is_tried_again_then_reported(
    world: FakeWorld, max_retries: int, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = _scheduler(world, ["a"], max_retries)
    while scheduler.tick():
        if world.on_their_way:
            world.claim()
            world.end(7)
    assert len(world.starts) == max_retries + 1
    assert scheduler.result() == FAILURE
    assert "a failed (exit status 7" in caplog.text
    # The next runner has nothing to add, unless it may try more often.
    assert not _scheduler(world, ["a"], max_retries).tick()
    assert _scheduler(world, ["a"], max_retries + 1).tick()


def test_what_has_failed_comes_after_what_has_not_been_tried(world: FakeWorld) -> None:
    world.num_places = 1
    scheduler = _scheduler(world, ["a", "b"], max_retries=1)
    for exit_status in (1, 0, 0):
        scheduler.tick()
        world.claim()
        world.end(exit_status)
    assert world.starts == ["a", "b", "a"]


def test_an_interrupted_experiment_goes_on_but_not_for_ever(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a"])
    while scheduler.tick():
        if world.on_their_way:
            world.claim()
            world.end(INTERRUPTED)
    assert len(world.starts) == 3
    assert world.states() == {"a": "pending"} and scheduler.result() == INTERRUPTED
    assert _scheduler(world, ["a"]).tick()


def test_an_attempt_that_is_gone_has_failed_if_a_runner_was_there_and_not_if_none_was(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a"])
    scheduler.tick()
    world.claim()
    world.end(None)
    _scheduler(world, ["a"])
    assert world.states() == {"a": "pending"}
    scheduler = _scheduler(world, ["a"])
    scheduler.tick()
    world.claim()
    world.end(None)
    scheduler.tick()
    assert world.states() == {"a": "failed"}


def test_an_attempt_that_never_claimed_its_experiment_has_failed(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a"])
    scheduler.tick()
    world.on_their_way.clear()
    scheduler.tick()
    assert world.states() == {"a": "failed"}


def test_a_start_that_is_refused_is_a_failure_and_the_others_go_on(
    world: FakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = _scheduler(world, ["a", "b"])
    world.error = StartError("no more processes")
    scheduler.tick()
    world.error = None
    scheduler.tick()
    assert world.states() == {"a": "failed", "b": "running"} and "a: no more processes" in caplog.text


def test_what_runs_elsewhere_is_waited_for_and_neither_started_nor_stopped(
    world: FakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    _scheduler(world, ["a"])
    world.ledger.begin("a", "fake", "elsewhere", Place())
    scheduler = _scheduler(world, ["a"])
    assert "a runs elsewhere (fake on elsewhere)" in caplog.text
    assert scheduler.tick() and world.starts == []
    scheduler.stop()
    assert not scheduler.is_ending() and world.stopped == []
    world.ledger.finish("a", 1, 0)
    assert not scheduler.tick() and scheduler.result() == SUCCESS


def test_what_is_no_longer_in_the_description_is_not_started(world: FakeWorld) -> None:
    _scheduler(world, ["a", "b"])
    scheduler = _scheduler(world, ["b"])
    _finish_everything(world, scheduler)
    assert world.states() == {"a": "pending", "b": "done"} and scheduler.result() == SUCCESS


def test_after_an_interrupt_nothing_starts_and_all_are_asked_once(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a", "b", "c"])
    scheduler.tick()
    scheduler.tick()
    world.claim()
    world.claim()
    scheduler.stop()
    scheduler.stop()
    assert world.stopped == [("a", False), ("b", False)]
    world.end(INTERRUPTED)
    assert scheduler.is_ending()
    scheduler.kill()
    assert world.stopped[2:] == [("b", True)]
    assert not scheduler.is_ending()
    assert world.starts == ["a", "b"] and set(world.states().values()) == {"pending"}


def test_the_runner_waits_for_the_interrupted_and_its_status_says_so(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a"])
    calls = 0

    def interrupted() -> bool:
        nonlocal calls
        calls += 1
        if calls == 2:
            world.claim()
        return calls == 3

    assert run(scheduler, 0.001, stop_timeout_sec=0.0, interrupted=interrupted) == INTERRUPTED
    assert world.stopped == [("a", False), ("a", True)]
    assert world.states() == {"a": "pending"}


def test_cancelled_experiments_are_neither_started_nor_a_failure(world: FakeWorld) -> None:
    scheduler = _scheduler(world, ["a", "b"])
    scheduler.tick()
    world.claim()
    world.ledger.cancel(["a", "b"])
    world.end(INTERRUPTED)
    assert not scheduler.tick()
    assert world.states() == {"a": "cancelled", "b": "cancelled"} and scheduler.result() == SUCCESS


def test_a_ledger_that_cannot_be_written_stops_nothing(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = _scheduler(world, ["a"])

    def full(*_: object) -> None:
        raise LedgerError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(world.ledger, "begin", full)
        assert scheduler.tick() and scheduler.tick()
        assert caplog.text.count("disk is full") == 1 and world.starts == []
    _finish_everything(world, scheduler)
    assert world.states() == {"a": "done"}


def test_a_place_that_sees_no_ends_is_done_when_all_have_been_handed_over(world: FakeWorld) -> None:
    world.sees_ends = False
    scheduler = _scheduler(world, ["a", "b"])
    assert scheduler.tick()
    assert not scheduler.tick()
    assert world.states() == {"a": "running", "b": "running"} and scheduler.result() == SUCCESS
