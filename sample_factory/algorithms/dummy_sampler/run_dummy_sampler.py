"""Entry point of `--algo=DUMMY_SAMPLER`: from the command line to an exit status. Runs nothing itself."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from sample_factory.algorithms.dummy_sampler.sampler import sample
from sample_factory.algorithms.status import Status, exit_status
from sample_factory.config.command_line import parse, peek
from sample_factory.config.dummy_sampler import DummyConfig
from sample_factory.envs import registry


def main(argv: Sequence[str] | None = None) -> int:
    """Sample as the command line says; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    return exit_status(_sample, argv)


def parse_options(argv: Sequence[str]) -> DummyConfig:
    """Defaults < environment family < command line; a saved experiment plays no part.

    Raises:
        ValueError: one line that says what is wrong.
    """
    env = peek(argv, "env")
    if env is None:
        return parse(argv, DummyConfig)  # help without an environment, or the message that it is missing
    family = registry.resolve(env)
    return parse(argv, DummyConfig, family.options, family.default_overrides(env))


def _sample(argv: Sequence[str]) -> Status:
    return sample(parse_options(argv))


if __name__ == "__main__":
    sys.exit(main())
