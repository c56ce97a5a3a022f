"""Entry point: `python -m sample_factory.run_algorithm --algo=APPO|DUMMY_SAMPLER --env=... --experiment=...`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from sample_factory.algorithms.status import Status
from sample_factory.config.command_line import peek

# Imported when asked for: one algorithm's dependencies are not another's.
_ALGORITHMS = {
    "APPO": "sample_factory.algorithms.appo.train_appo",
    "DUMMY_SAMPLER": "sample_factory.algorithms.dummy_sampler.run_dummy_sampler",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the algorithm that `--algo` names; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        algo = peek(argv, "algo") or "APPO"
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(Status.FAILURE)
    if algo not in _ALGORITHMS:
        print(f"error: --algo={algo} must be one of {', '.join(_ALGORITHMS)}", file=sys.stderr)
        return int(Status.FAILURE)
    return int(importlib.import_module(_ALGORITHMS[algo]).main(argv))


if __name__ == "__main__":
    sys.exit(main())
