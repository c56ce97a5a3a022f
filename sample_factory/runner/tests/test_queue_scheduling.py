"""Experiments that a queue begins by itself: nothing is lost or done twice, however often everything crashes."""

from __future__ import annotations

import itertools
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.runner.backends.backend import Queue
from sample_factory.runner.ledger import INTERRUPTED, Entry, Ledger, Place, Task
from sample_factory.runner.scheduler import SUCCESS, Scheduler

FAST_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Thousands of transactions that wait for a disk would take minutes."""
NAMES = ("a", "b", "c")


class CrashError(Exception):
    """The runner is killed at this instruction."""


@dataclass
class Element:
    """One experiment's place in the queue."""

    job: str
    name: str
    state: str = "waits"
    number: int = 0
    """The try that it is, while it runs; 0 if it has found nothing to do."""


class FakeQueue:
    """Survives runners, which see it as a backend."""

    name = "fake"
    poll_sec = 0.0
    sees_ends = True

    def __init__(self, folder: Path) -> None:
        self.ledger = Ledger.create(folder)
        self.ledger.enter([Task(name, ("run", name), {}) for name in NAMES])
        self.elements: list[Element] = []
        self.numbers = itertools.count()
        self.successes: Counter[str] = Counter()
        self.is_silent = False
        self.crash = ""

    # What the scheduler asks.

    def sees(self, entry: Entry) -> bool:
        return True

    def queued(self) -> set[str] | None:
        return None if self.is_silent else {element.name for element in self.elements}

    def submit(self, waiting: Sequence[Entry]) -> list[str]:
        self._crash_if("before")
        self.elements += [Element(f"{next(self.numbers)}", entry.name) for entry in waiting]
        self._crash_if("after")
        return [entry.name for entry in waiting]

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        jobs = {element.job for element in self.elements}
        return {} if self.is_silent else {entry.name: None for entry in running if entry.job not in jobs}

    def stop(self, entry: Entry, kill: bool) -> None:
        raise AssertionError("nobody has asked for that")

    def withdraw(self, names: Collection[str]) -> None:
        raise AssertionError("nobody has asked for that")

    def trace(self, name: str) -> str:
        return "nowhere"

    # What happens.

    def begin(self, element: Element) -> None:
        """As an element does."""
        element.state = "runs"
        entry = next(entry for entry in self.ledger.entries() if entry.name == element.name)
        if entry.state == "running" and entry.job == element.job:
            self.ledger.finish(entry.name, entry.tries, None, was_interrupted=True)
        begun = self.ledger.begin(element.name, "fake", "node", Place(), element.job)
        element.number = 0 if begun is None else begun.tries
        if begun is not None:
            assert self.ledger.claim(begun.name, begun.tries, "node", 1, "x") is not None
            others = [other for other in self.elements if other is not element and other.number]
            assert element.name not in [other.name for other in others], f"{element.name} runs twice"
            assert not self.successes[element.name], f"{element.name} was done, and runs again"

    def end(self, element: Element, exit_status: int | None) -> None:
        """None: it is killed, and writes nothing."""
        if element.number and exit_status is not None:
            assert self.ledger.finish(element.name, element.number, exit_status)
            self.successes[element.name] += exit_status == 0
        self.elements.remove(element)

    def requeue(self, element: Element, may_save: bool) -> None:
        """It is preempted, and waits again."""
        if element.number and may_save:
            assert self.ledger.finish(element.name, element.number, INTERRUPTED, was_interrupted=True)
        element.state, element.number = "waits", 0

    def _crash_if(self, where: str) -> None:
        if self.crash == where:
            self.crash = ""
            raise CrashError


def _scheduler(queue: FakeQueue) -> Scheduler:
    assert isinstance(queue, Queue)
    found = Scheduler(queue.ledger, queue, NAMES, 100, 0.0, clock=lambda: 0.0)
    found.recover()
    return found


EVENTS = (
    "tick",
    "crash before",
    "crash after",
    "new runner",
    "silence",
    "begin",
    "done",
    "fail",
    "interrupt",
    "die",
    "save and requeue",
    "die and requeue",
    "cancel in the queue",
    "submit once more",
)
ENDS: dict[str, int | None] = {"done": 0, "fail": 1, "interrupt": INTERRUPTED, "die": None}


@settings(max_examples=200)
@given(st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 3)), min_size=20, max_size=60))
def test_whatever_crashes_each_experiment_succeeds_exactly_once(events: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory(dir=FAST_FOLDER) as folder:
        queue = FakeQueue(Path(folder))
        scheduler = _scheduler(queue)
        for event, index in events:
            waiting = [element for element in queue.elements if element.state == "waits"]
            running = [element for element in queue.elements if element.state == "runs"]
            if event == "silence":
                queue.is_silent = not queue.is_silent
            elif event == "new runner":
                scheduler = _scheduler(queue)
            elif event == "tick" or event.startswith("crash"):
                queue.crash = event.removeprefix("tick").removeprefix("crash ")
                try:
                    scheduler.tick()
                except CrashError:
                    scheduler = _scheduler(queue)
                queue.crash = ""
            elif event == "begin" and waiting:
                queue.begin(waiting[index % len(waiting)])
            elif event == "submit once more":  # by hand, say
                queue.elements.append(Element(f"{next(queue.numbers)}", NAMES[index % len(NAMES)]))
            elif event == "cancel in the queue" and waiting:
                queue.elements.remove(waiting[index % len(waiting)])
            elif event in ENDS and running:
                queue.end(running[index % len(running)], ENDS[event])
            elif event.endswith("and requeue") and running:
                queue.requeue(running[index % len(running)], may_save=event.startswith("save"))
        queue.is_silent = False
        for _ in NAMES:  # a runner gives up on what is interrupted again and again; the next one does not
            scheduler = _scheduler(queue)
            _finish_everything(queue, scheduler)
        assert queue.successes == Counter(NAMES)
        assert {entry.state for entry in queue.ledger.entries()} == {"done"} and scheduler.result() == SUCCESS


def _finish_everything(queue: FakeQueue, scheduler: Scheduler) -> None:
    for _ in range(100):
        is_left = scheduler.tick()
        for element in list(queue.elements):
            if element.state == "waits":
                queue.begin(element)
            queue.end(element, 0)
        if not is_left:
            return
    raise AssertionError(f"never ends: {queue.ledger.entries()}")
