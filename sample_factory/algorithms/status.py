"""How a run ended, and how a user's mistake is shown. Knows no algorithm."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from enum import IntEnum


class Status(IntEnum):
    """The exit status of the process."""

    SUCCESS = 0
    FAILURE = 1
    INTERRUPTED = 2


def exit_status(run: Callable[[Sequence[str]], Status], argv: Sequence[str] | None) -> int:
    """Run an entry point; a ValueError is something that the user can mend, and is shown as one line."""
    try:
        return int(run(sys.argv[1:] if argv is None else list(argv)))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(Status.FAILURE)
