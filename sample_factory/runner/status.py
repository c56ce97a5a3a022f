"""Entry point: `python -m sample_factory.runner.status <run's folder>`, a table of its experiments.

Only reads; needs no runner to be alive.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sample_factory.config.command_line import parse
from sample_factory.config.runner import StatusConfig
from sample_factory.runner.backends import attempts
from sample_factory.runner.backends.backend import Condition
from sample_factory.runner.identity import this_host
from sample_factory.runner.ledger import STATES, Entry, Ledger, log_path, pruned
from sample_factory.runner.mistakes import exit_status
from sample_factory.runner.progress import last_line, progress
from sample_factory.runner.scheduler import describe_end
from sample_factory.runner.selection import with_flags

_REFRESH_SEC = 2.0
_WIDE = 10_000
_STYLES = {
    "running": "green",
    "done": "bold",
    "failed": "red",
    "cancelled": "yellow",
    "pruned": "yellow",
    "gone": "red",
}
_UNKNOWN = "-"


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit status: 0 success, 1 the user's mistake."""
    return exit_status(_main, argv)


def render(ledger: Ledger, now: float) -> RenderableType:
    """Totals, the table as of `now` (seconds since the epoch), and what the failed ones said last."""
    entries = ledger.entries()
    conditions = attempts.conditions(ledger.folder, entries)
    not_worth_it = pruned(entries, ledger.judgements())
    states = [_state(entry, conditions.get(entry.name), entry.name in not_worth_it) for entry in entries]
    table = Table(box=None, pad_edge=False)
    table.add_column("experiment", overflow="fold")
    table.add_column("state")
    for name in ("tries", "frames", "reward", "time"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("where", no_wrap=True)
    for entry, state in zip(entries, states, strict=True):
        table.add_row(*_row(ledger, entry, state, now))
    counts = Counter(states)
    totals = ", ".join(f"{counts[state]} {state}" for state in ("queued", *STATES, "pruned", "gone") if counts[state])
    # First: a table that is longer than the terminal is cut off while it is watched.
    about = f"{len(entries)} experiments in {ledger.folder}: {totals}; what each prints: logs/<experiment>.log"
    parts: list[RenderableType] = [Text(about), table]
    for entry in entries:
        if entry.state == "failed":
            said = last_line(log_path(ledger.folder, entry.name))
            parts.append(Text(f"{entry.name} failed ({describe_end(entry)}): {said}", style="red"))
    return Group(*parts)


def _main(argv: Sequence[str]) -> int:
    options = parse(with_flags(argv, takes_names=False), StatusConfig).run
    ledger = Ledger(Path(options.folder))
    # In a pipe there is no width to keep to: one line for each experiment.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else _WIDE)
    if not options.watch:
        console.print(render(ledger, time.time()))
        return 0
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, auto_refresh=False) as live:
        while True:
            live.update(render(ledger, time.time()), refresh=True)
            time.sleep(_REFRESH_SEC)
    return 0


def _row(ledger: Ledger, entry: Entry, state: str, now: float) -> list[RenderableType]:
    frames, reward = progress(ledger.folder / entry.name)
    return [
        entry.name,
        Text(state, style=_STYLES.get(state, "")),
        str(entry.tries),
        _UNKNOWN if frames is None else f"{frames:,}",
        _UNKNOWN if reward is None else f"{reward:.3f}",
        _time(entry, now),
        _where(entry) if entry.state == "running" else _UNKNOWN,
    ]


def _state(entry: Entry, condition: Condition | None, is_pruned: bool) -> str:
    """The ledger's word, but for what was cancelled in a search, waits in a queue, or ended while nobody saw it."""
    if entry.state == "cancelled" and is_pruned:
        return "pruned"
    return condition if condition in ("queued", "gone") else entry.state


def _time(entry: Entry, now: float) -> str:
    if entry.started is None or entry.state == "pending":
        return _UNKNOWN
    return str(timedelta(seconds=round((entry.ended or now) - entry.started)))


def _where(entry: Entry) -> str:
    parts = [f"{entry.backend} {entry.job}" if entry.job else f"pid {entry.pid}"]
    if entry.host not in (None, this_host()):
        parts.append(entry.host)
    if entry.place.gpu is not None:
        parts.append(f"GPU {entry.place.gpu}")
    if entry.place.cores:
        parts.append(f"cores {','.join(map(str, entry.place.cores))}")
    if entry.stop is not None:
        parts.append("ending")
    return ", ".join(parts)


if __name__ == "__main__":
    sys.exit(main())
