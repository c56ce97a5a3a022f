"""The options of a training or evaluation command line, environment family and saved experiment included.

Runs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from sample_factory.config.command_line import parse, peek
from sample_factory.config.config import Config
from sample_factory.config.experiment import load_saved
from sample_factory.envs import registry


def parse_training_options(argv: Sequence[str]) -> Config:
    """Defaults < environment family < saved experiment < command line.

    Raises:
        ValueError: one line that says what is wrong.
    """
    saved = load_saved(argv)
    env = peek(argv, "env") or (saved or {}).get("env")
    if env is None:
        return parse(argv, Config)  # help without an environment, or the message that it is missing
    family = registry.resolve(env)
    return parse(argv, Config, family.options, family.default_overrides(env), saved)
