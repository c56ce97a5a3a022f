"""How the runner's commands show a user's mistake. Knows no command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

_FAILURE = 1


def exit_status(run: Callable[[Sequence[str]], int], argv: Sequence[str] | None) -> int:
    """Run an entry point; a ValueError is something that the user can mend, and is shown as one line."""
    try:
        return run(sys.argv[1:] if argv is None else list(argv))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return _FAILURE
