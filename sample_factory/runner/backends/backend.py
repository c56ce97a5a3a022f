"""What is asked of a place where experiments run: by the scheduler, and by whoever looks. Knows no such place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

from sample_factory.runner.ledger import Entry, Place

Condition = Literal["queued", "alive", "gone"]
"""queued: not begun, and the place begins it by itself. alive: it runs, or is about to. gone: it runs no more."""


class StartError(RuntimeError):
    """An attempt could not be started; the message is one line, and says whose fault it is."""


class Backend(Protocol):
    """Looks after attempts, and is either a `Starter` or a `Queue`; the state of experiments is the ledger's, not its.

    An attempt is `python -m sample_factory.runner.attempt FOLDER NAME NUMBER`, which claims its experiment in the
    ledger and writes its end there. A backend whose machines do not share the run's folder starts the bare command
    instead, and says in `ended` how it went.
    """

    name: str
    poll_sec: float
    """How often it may be asked."""
    sees_ends: bool
    """Whether anybody will ever know how an attempt ends; if not, the runner is done when all have been started."""

    def sees(self, entry: Entry) -> bool:
        """Whether it could tell that this attempt has ended, and could stop it: not if it was started elsewhere."""
        ...

    def ended(self, running: Sequence[Entry]) -> Mapping[str, int | None]:
        """Of these, all of which it sees, those that are gone: name -> exit status; None if nobody saw it.

        An attempt that has written its own end may be among them; what it wrote counts. So may one that has not claimed
        its experiment, if nobody can tell whether it was ever started: should it come, it comes too late.
        """
        ...

    def stop(self, entry: Entry, kill: bool) -> None:
        """Ask an attempt that it sees to save and end, or kill it; one that is gone already is no error."""
        ...


class Starter(Backend, Protocol):
    """A place where the scheduler starts attempts one by one, as there is room."""

    def place(self, running: Sequence[Entry]) -> Place | None:
        """Where one more experiment would run beside these; None if there is no room now."""
        ...

    def start(self, entry: Entry) -> str | None:
        """Start the attempt that the ledger has just begun; returns the backend's own name for it, if it has one.

        Raises:
            StartError: it was not started, and will not be.
        """
        ...


@runtime_checkable
class Queue(Backend, Protocol):
    """A place that takes in experiments, and begins them itself in the ledger when it has room.

    As long as they wait they are pending in the ledger, which is all that is true of them.
    """

    def queued(self) -> Collection[str] | None:
        """Names of the experiments that it may still begin, as of now; None if it cannot be asked."""
        ...

    def submit(self, waiting: Sequence[Entry]) -> Collection[str]:
        """Put experiments into the queue, as many as there is room for; returns the names of those it took.

        Raises:
            StartError: none was taken, and none will be.
        """
        ...

    def withdraw(self, names: Collection[str]) -> None:
        """These shall not begin any more; one that is just beginning is ended."""
        ...

    def trace(self, name: str) -> str:
        """Where to look for the reason why an experiment was taken in and never begun."""
        ...


class Lookout(Protocol):
    """What the module of a place has for those who are not the runner; there may be none."""

    def is_reachable(self, entry: Entry) -> bool:
        """Whether a running attempt of this place could be seen and stopped from here."""
        ...

    def conditions(self, folder: Path, entries: Sequence[Entry]) -> Mapping[str, Condition]:
        """Name -> condition; those that cannot be told from here are left out.

        Args:
            folder: of the run.
            entries: attempts of this place that run, and all kinds of pending experiments.
        """
        ...

    def stop(self, folder: Path, entry: Entry, kill: bool) -> None:
        """Ask a running attempt that is reachable to save and end, or kill it; one that is gone is no error."""
        ...
