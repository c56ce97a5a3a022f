"""Entry point: `python -m sample_factory.runner.retry <run's folder> [names]`: what has failed is pending again.

Starts nothing: the runner does, now if it runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sample_factory.config.command_line import parse
from sample_factory.config.runner import RetryConfig
from sample_factory.runner.backends import attempts
from sample_factory.runner.backends.backend import Condition
from sample_factory.runner.ledger import Entry, Ledger
from sample_factory.runner.mistakes import exit_status
from sample_factory.runner.selection import select, with_flags


def main(argv: Sequence[str] | None = None) -> int:
    """Make experiments pending; returns the exit status: 0 success, 1 the user's mistake."""
    return exit_status(_main, argv)


def _main(argv: Sequence[str]) -> int:
    options = parse(with_flags(argv), RetryConfig).run
    ledger = Ledger(Path(options.folder))
    chosen = select(ledger.entries(), options.names)
    if options.names:
        conditions = attempts.conditions(ledger.folder, chosen)
        for entry in chosen:
            _check(entry, conditions.get(entry.name))
        names = ledger.retry([entry.name for entry in chosen], ("failed", "cancelled", "running"))
    else:
        names = ledger.retry([entry.name for entry in chosen], ("failed",))
    print("\n".join([*names, f"{len(names)} pending again; a runner that is not running has to be started"]))
    return 0


def _check(entry: Entry, condition: Condition | None) -> None:
    """Raises ValueError if it is not for a user to say that it should be run again."""
    if entry.state == "running" and condition == "alive":
        raise ValueError(f"{entry.name} is running; cancel it first")
    if entry.state in ("done", "pending"):
        raise ValueError(f"{entry.name} is {entry.state}: there is nothing to try again")


if __name__ == "__main__":
    sys.exit(main())
