"""Entry point: `python -m sample_factory.run_algorithm --algo=APPO --env=... --experiment=...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.algorithms.appo import train_appo
from sample_factory.algorithms.status import Status
from sample_factory.config.command_line import peek

_ALGORITHMS = {"APPO": train_appo.main}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the algorithm that `--algo` names; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    algo = peek(argv, "algo") or "APPO"
    if algo not in _ALGORITHMS:
        print(f"error: --algo={algo} must be one of {', '.join(_ALGORITHMS)}", file=sys.stderr)
        return int(Status.FAILURE)
    return _ALGORITHMS[algo](argv)


if __name__ == "__main__":
    sys.exit(main())
