"""Entry point: `python -m sample_factory.run_algorithm --algo=APPO|DUMMY_SAMPLER --env=... --experiment=...`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.algorithms.status import Status
from sample_factory.config.command_line import parse, peek
from sample_factory.config.config import Config
from sample_factory.config.experiment import load_saved
from sample_factory.envs import registry

_ALGORITHMS = ("APPO", "DUMMY_SAMPLER")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the algorithm that the command line asks for; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    argv = sys.argv[1:] if argv is None else list(argv)
    try:
        algo = peek(argv, "algo") or "APPO"
        if algo not in _ALGORITHMS:
            raise ValueError(f"--algo={algo} must be one of {', '.join(_ALGORITHMS)}")
        return int(_train(argv))
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return int(Status.FAILURE)


def parse_training_options(argv: Sequence[str]) -> Config:
    """Options of a training command line: defaults < environment family < saved experiment < command line.

    Raises:
        ValueError: one line that says what is wrong.
    """
    saved = load_saved(argv)
    env = peek(argv, "env") or (saved or {}).get("env")
    if env is None:
        return parse(argv, Config)  # help without an environment, or the message that it is missing
    family = registry.resolve(env)
    return parse(argv, Config, family.options, family.default_overrides(env), saved)


def _train(argv: Sequence[str]) -> Status:
    from sample_factory.algorithms.appo.training import train

    return train(parse_training_options(argv), argv)


if __name__ == "__main__":
    sys.exit(main())
