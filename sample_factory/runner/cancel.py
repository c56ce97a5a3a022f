"""Entry point: `python -m sample_factory.runner.cancel <run's folder> [names]`: they end, and are not started again.

Needs no runner to be alive. Does not wait: an experiment may take its time to save.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from sample_factory.config.command_line import parse
from sample_factory.config.runner import CancelConfig
from sample_factory.runner.backends import attempts
from sample_factory.runner.ledger import Entry, Ledger
from sample_factory.runner.mistakes import exit_status
from sample_factory.runner.selection import select, with_flags

_ENDED = ("done", "failed", "cancelled")


def main(argv: Sequence[str] | None = None) -> int:
    """Cancel experiments; returns the exit status: 0 success, 1 the user's mistake."""
    return exit_status(_main, argv)


def _main(argv: Sequence[str]) -> int:
    options = parse(with_flags(argv), CancelConfig).run
    ledger = Ledger(Path(options.folder))
    chosen = [entry for entry in select(ledger.entries(), options.names) if entry.state not in _ENDED]
    for entry in chosen:
        _check(entry)
    running = ledger.cancel(entry.name for entry in chosen)
    attempts.withdraw(ledger.folder, [entry.name for entry in chosen if entry not in running])
    conditions = attempts.conditions(ledger.folder, running)
    for entry in running:
        # A second interrupt would keep it from saving; being asked by a runner is as good.
        if options.now or entry.stop is None:
            attempts.stop(ledger.folder, entry, kill=options.now)
        was_killed = options.now and entry.pid is not None
        if was_killed or conditions.get(entry.name) in ("gone", "queued"):
            ledger.finish(entry.name, entry.tries, None)  # it will not do so itself
    words = "killed" if options.now else "asked to save and end"
    print(f"{len(chosen) - len(running)} cancelled, {len(running)} {words}")
    return 0


def _check(entry: Entry) -> None:
    """Raises ValueError if nothing that is done here ends it."""
    if entry.state == "running" and not attempts.is_reachable(entry):
        job = f" job {entry.job}" if entry.job else ""
        raise ValueError(f"{entry.name} runs elsewhere ({entry.backend}{job} on {entry.host}): cancel it there")


if __name__ == "__main__":
    sys.exit(main())
