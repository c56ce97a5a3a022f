"""What the scheduler asks of a place where experiments run. Knows no such place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sample_factory.runner.ledger import Entry, Place


class StartError(RuntimeError):
    """An attempt could not be started; the message is one line, and says whose fault it is."""


class Backend(Protocol):
    """Starts attempts and looks after them; the state of experiments is the ledger's, not its own.

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

    def place(self, running: Sequence[Entry]) -> Place | None:
        """Where one more experiment would run beside these; None if there is no room now."""
        ...

    def start(self, entry: Entry) -> str | None:
        """Start the attempt that the ledger has just begun; returns the backend's own name for it, if it has one.

        Raises:
            StartError: it was not started, and will not be.
        """
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
