"""Entry point: `python -m sample_factory.algorithms.appo.enjoy_appo --env=... --experiment=...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.algorithms.appo.evaluation import evaluate
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.status import Status, exit_status


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate as the command line says; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    return exit_status(_enjoy, argv)


def _enjoy(argv: Sequence[str]) -> Status:
    return evaluate(parse_evaluation_options(argv)).status


if __name__ == "__main__":
    sys.exit(main())
