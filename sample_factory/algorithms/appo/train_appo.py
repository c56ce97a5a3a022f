"""Entry point: `python -m sample_factory.algorithms.appo.train_appo --env=... --experiment=...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.algorithms.appo.options import parse_training_options
from sample_factory.algorithms.appo.training import train
from sample_factory.algorithms.status import Status, exit_status


def main(argv: Sequence[str] | None = None) -> int:
    """Train as the command line says; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    return exit_status(_train, argv)


def _train(argv: Sequence[str]) -> Status:
    return train(parse_training_options(argv), argv)


if __name__ == "__main__":
    sys.exit(main())
