"""Which experiment is started when, and what follows from an end. Does not know where experiments run, or how.

The ledger is looked at in every turn: attempts, `retry` and `cancel` change it too. What is kept in memory is there to
be fast or to say what is new, no more, so the next runner goes on from the ledger alone.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta

from sample_factory.runner.backends.backend import Queue, Starter, StartError
from sample_factory.runner.halving import Halving
from sample_factory.runner.identity import this_host
from sample_factory.runner.ledger import INTERRUPTED, STATES, Entry, Ledger, LedgerError, Place, log_path

log = logging.getLogger(__name__)

SUCCESS, FAILURE = 0, 1
_NOT_STARTED = 127
_KILL_AGAIN_SEC = 10.0
_MOST_INTERRUPTIONS = 3
"""By whatever ends an experiment with status 2 while the runner goes on, until it waits for the next runner."""


class Scheduler:
    """The experiments of one run, until none is left to do."""

    def __init__(
        self,
        ledger: Ledger,
        backend: Starter | Queue,
        names: Sequence[str],
        max_retries: int,
        pause_between_sec: float,
        clock: Callable[[], float] = time.monotonic,
        halvings: Sequence[Halving] = (),
    ) -> None:
        """`names` are the experiments to run; others in the ledger only take up room while they run."""
        self._ledger = ledger
        self._backend = backend
        self._queue = backend if isinstance(backend, Queue) else None
        self._starter = None if isinstance(backend, Queue) else backend
        self._names = frozenset(names)
        self._max_retries = max_retries
        self._pause_between_sec = pause_between_sec
        self._clock = clock
        self._halvings = halvings
        self._next_start = clock()
        self._interruptions: Counter[str] = Counter()
        self._submitted: dict[str, int] = {}
        """Experiments that a queue has taken -> tries at that time."""
        self._known: dict[str, Entry] = {}
        self._fingerprint: tuple[int, ...] = ()
        self._is_stopping = False
        self._error = ""

    def recover(self) -> None:
        """Take up what earlier runners left: attempts that still run go on; those that are gone are pending again."""
        running = [entry for entry in self._ledger.entries() if entry.state == "running"]
        seen = [entry for entry in running if self._backend.sees(entry)]
        gone = self._backend.ended(seen)
        for entry in seen:
            if entry.name in gone:
                # Nobody saw its end, so it is not held against it.
                self._ledger.finish(entry.name, entry.tries, None, was_interrupted=True)
                log.info("%s was running when the last runner ended, and is gone: it will be started again", entry.name)
            else:
                log.info("%s still runs (%s): it is left to run", entry.name, entry.job or f"process {entry.pid}")
        for entry in running:
            if entry not in seen:
                where = f"{entry.backend} {entry.job or ''} on {entry.host}".replace("  ", " ")
                log.warning("%s runs elsewhere (%s); if it does not, `retry` it by name", entry.name, where)
        self._known = {entry.name: entry for entry in self._ledger.entries()}
        queued = self._queue.queued() if self._queue is not None else None
        waiting = [entry for entry in self._known.values() if entry.state == "pending" and entry.name in (queued or ())]
        if waiting:
            log.info("%d experiments are in the queue already, and are left there", len(waiting))

    def tick(self) -> bool:
        """Do what there is to do now; whether something is left, running or to be started."""
        try:
            is_left = self._tick()
            self._error = ""
        except LedgerError as error:
            # A full disk, say: experiments go on without us, and nothing is begun that is not written down.
            if str(error) != self._error:
                log.error("%s; trying again", error)
            self._error = str(error)
            return True
        return is_left

    def stop(self) -> None:
        """Start nothing any more, and ask what runs here to save and end."""
        self._is_stopping = True
        if self._queue is not None:
            # First, because every experiment that ends makes room for one that waits.
            self._queue.withdraw([entry.name for entry in self._known.values() if entry.state == "pending"])
        try:
            asked = self._ledger.stop(entry.name for entry in self._seen_running())
        except LedgerError as error:
            log.error("%s", error)
            # Attempts note by themselves that they were interrupted.
            asked = [entry for entry in self._known.values() if entry.state == "running" and self._backend.sees(entry)]
        for entry in asked:
            self._backend.stop(entry, kill=False)

    def kill(self) -> None:
        """End what has not ended by itself."""
        for entry in self._known.values():
            if entry.state == "running" and self._backend.sees(entry):
                log.warning("%s does not end: killed", entry.name)
                self._backend.stop(entry, kill=True)

    def is_ending(self) -> bool:
        """After `stop`: whether something that could be asked to end still runs."""
        self.tick()
        return any(entry.state == "running" and self._backend.sees(entry) for entry in self._known.values())

    def result(self) -> int:
        """The runner's exit status, after naming the experiments that have failed."""
        entries = [entry for entry in self._ledger.entries() if entry.name in self._names]
        failed = [entry for entry in entries if entry.state == "failed"]
        for entry in failed:
            log.error("%s failed (%s)", entry.name, self._about_failure(entry))
        log.info("%s", _summary(entries))
        if failed:
            return FAILURE
        return INTERRUPTED if any(entry.state == "pending" for entry in entries) else SUCCESS

    def _tick(self) -> bool:
        running = {entry.name: entry for entry in self._seen_running()}
        for name, exit_status in self._backend.ended(list(running.values())).items():
            self._ledger.finish(name, running[name].tries, exit_status)
        entries = self._look()
        if self._is_stopping:
            self._ask_late_ones(entries)
        if any(self._may_retry(entry) for entry in entries):
            self._ledger.retry_failed(self._names, self._max_retries)
            entries = self._look()
        if self._halvings and not self._is_stopping:
            # Before anything is started: it may be of a trial that is not worth going on.
            self._judge(entries)
            entries = self._look()
        if not self._is_stopping and self._clock() >= self._next_start and self._start(entries):
            entries = self._look()
        return any(self._is_left(entry) for entry in entries)

    def _is_left(self, entry: Entry) -> bool:
        if entry.name not in self._names:
            return False
        if entry.state == "running":
            return self._backend.sees_ends
        if entry.state == "pending" and self._queue is not None:
            queued = self._queue.queued()
            return self._may_start(entry) or queued is None or entry.name in queued
        return self._may_start(entry)

    def _ask_late_ones(self, entries: Sequence[Entry]) -> None:
        """What a queue has begun while we were asking the others to end."""
        late = [entry for entry in entries if entry.state == "running" and entry.stop is None]
        for entry in self._ledger.stop(entry.name for entry in late if self._backend.sees(entry)):
            self._backend.stop(entry, kill=False)

    def _seen_running(self) -> list[Entry]:
        running = [entry for entry in self._look() if entry.state == "running"]
        return [entry for entry in running if self._backend.sees(entry)]

    def _judge(self, entries: Sequence[Entry]) -> None:
        for halving in self._halvings:
            for entry in halving.judge(entries):
                if self._backend.sees(entry):
                    self._backend.stop(entry, kill=False)

    def _start(self, entries: Sequence[Entry]) -> bool:
        """Whether something has changed."""
        # What has failed comes after what has not been tried.
        waiting = sorted((entry for entry in entries if self._may_start(entry)), key=lambda entry: entry.failures)
        if not waiting:
            return False
        if self._queue is not None:
            return self._submit(self._queue)
        return self._starter is not None and self._start_one(self._starter, entries, waiting[0])

    def _submit(self, queue: Queue) -> bool:
        queued = queue.queued()
        if queued is None:
            return False
        # Only now: what had begun and ended before the queue was looked at must not be taken for what never began.
        waiting = [entry for entry in self._look() if self._may_start(entry) and entry.name not in queued]
        lost = [entry for entry in waiting if self._submitted.pop(entry.name, None) == entry.tries]
        for entry in lost:
            self._refuse(entry, f"its job has ended and never began it; see {queue.trace(entry.name)}")
        waiting = sorted((entry for entry in waiting if entry not in lost), key=lambda entry: entry.failures)
        if not waiting:
            return bool(lost)
        self._next_start = self._clock() + self._pause_between_sec
        try:
            taken = queue.submit(waiting)
        except StartError as error:
            for entry in waiting:
                self._refuse(entry, str(error))
            return True
        self._submitted |= {entry.name: entry.tries for entry in waiting if entry.name in taken}
        return bool(lost or taken)

    def _refuse(self, waiting: Entry, why: str) -> None:
        """A try that came to nothing before it began: a failure as any other, so that it is not tried for ever."""
        entry = self._ledger.begin(waiting.name, self._backend.name, this_host(), Place())
        if entry is not None:
            log.error("%s: %s", entry.name, why)
            self._ledger.finish(entry.name, entry.tries, _NOT_STARTED)

    def _start_one(self, starter: Starter, entries: Sequence[Entry], chosen: Entry) -> bool:
        place = starter.place([entry for entry in entries if entry.state == "running"])
        if place is None:
            return False
        entry = self._ledger.begin(chosen.name, starter.name, this_host(), place)
        if entry is None:
            return False
        self._next_start = self._clock() + self._pause_between_sec
        try:
            job = starter.start(entry)
        except StartError as error:
            log.error("%s: %s", entry.name, error)
            self._ledger.finish(entry.name, entry.tries, _NOT_STARTED)
            return True
        if job is not None:
            self._ledger.set_job(entry.name, entry.tries, job)
        return True

    def _may_start(self, entry: Entry) -> bool:
        is_wanted = entry.state == "pending" and entry.name in self._names
        return is_wanted and self._interruptions[entry.name] < _MOST_INTERRUPTIONS

    def _may_retry(self, entry: Entry) -> bool:
        return entry.state == "failed" and entry.failures <= self._max_retries and entry.name in self._names

    def _look(self) -> list[Entry]:
        """The ledger as it is now, after saying what is new."""
        fingerprint = self._ledger.fingerprint()
        if fingerprint == self._fingerprint:
            return list(self._known.values())
        entries = self._ledger.entries()
        changed = [entry for entry in entries if _differs(entry, self._known.get(entry.name))]
        for entry in changed:
            if entry.state == "pending" and entry.exit_status == INTERRUPTED and not self._is_stopping:
                self._interruptions[entry.name] += 1
            self._say(entry)
        if changed and any(entry.state != "pending" for entry in changed):
            log.info("%s", _summary([entry for entry in entries if entry.name in self._names]))
        self._known = {entry.name: entry for entry in entries}
        self._fingerprint = fingerprint
        return entries

    def _say(self, entry: Entry) -> None:
        path = log_path(self._ledger.folder, entry.name)
        if entry.state == "running":
            log.info("%s started (%s), log %s", entry.name, ", ".join(_details(entry)), path)
        elif entry.state == "failed":
            log.error("%s failed (%s)", entry.name, self._about_failure(entry))
        elif entry.state == "pending" and entry.tries > 0:
            why = "interrupted" if entry.exit_status == INTERRUPTED else "to be started again"
            if self._interruptions[entry.name] >= _MOST_INTERRUPTIONS:
                why = f"ended with status {INTERRUPTED} (interrupted) {_MOST_INTERRUPTIONS} times: left, see {path}"
            log.info("%s is pending: %s", entry.name, why)
        elif entry.state in ("done", "cancelled"):
            log.info("%s %s%s", entry.name, entry.state, _duration(entry))

    def _about_failure(self, entry: Entry) -> str:
        return f"{describe_end(entry)}, failure {entry.failures}, log {log_path(self._ledger.folder, entry.name)}"


def run(scheduler: Scheduler, poll_sec: float, stop_timeout_sec: float, interrupted: Callable[[], bool]) -> int:
    """Run until nothing is left or somebody interrupts; returns the exit status."""
    scheduler.recover()
    while not interrupted():
        if not scheduler.tick():
            return scheduler.result()
        time.sleep(poll_sec)
    log.warning("Interrupted: experiments are asked to save and end; a second Ctrl-C leaves them to it")
    scheduler.stop()
    deadline = time.monotonic() + stop_timeout_sec
    while scheduler.is_ending():
        if time.monotonic() >= deadline:
            scheduler.kill()
            deadline = time.monotonic() + _KILL_AGAIN_SEC
        time.sleep(poll_sec)
    scheduler.result()
    return INTERRUPTED


def describe_end(entry: Entry) -> str:
    """How the latest attempt ended."""
    if entry.exit_status is None:
        return "gone without a word"
    if entry.exit_status < 0:
        return f"ended by signal {-entry.exit_status}"
    return f"exit status {entry.exit_status}"


def _differs(entry: Entry, before: Entry | None) -> bool:
    return before is None or (entry.state, entry.tries) != (before.state, before.tries)


def _details(entry: Entry) -> list[str]:
    details = [f"try {entry.tries}"]
    if entry.place.gpu is not None:
        details.append(f"GPU {entry.place.gpu}")
    if entry.place.cores:
        details.append(f"cores {','.join(map(str, entry.place.cores))}")
    return details


def _duration(entry: Entry) -> str:
    if entry.started is None or entry.ended is None:
        return ""
    return f" after {timedelta(seconds=round(entry.ended - entry.started))}"


def _summary(entries: Sequence[Entry]) -> str:
    counts: Mapping[str, int] = Counter(entry.state for entry in entries)
    return ", ".join(f"{counts[state]} {state}" for state in STATES if counts[state])
