"""Options of programs that make one environment: defaults < family < saved < command line. Knows no program."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sample_factory.config.command_line import given_on_command_line, parse, peek
from sample_factory.envs import registry

Root = TypeVar("Root")


def parse_env_options(argv: Sequence[str], root_type: type[Root], saved: Mapping[str, Any] | None = None) -> Root:
    """Build `root_type`, whose options include `env`; imports the modules that `--import_module` names first.

    Args:
        saved: values that are better than defaults; of `env` the command line may say nothing then.

    Raises:
        ValueError: one line that says what is wrong.
    """
    import_modules(given_on_command_line(argv).get("import_module", []))
    env = peek(argv, "env") or (saved or {}).get("env")
    if env is None:
        return parse(argv, root_type)  # help without an environment, or the message that it is missing
    family = registry.resolve(env)
    return parse(argv, root_type, family.options, family.default_overrides(env), saved)


def import_modules(modules: Sequence[str]) -> None:
    """Import what `--import_module` names, because it registers environments.

    Raises:
        ValueError: one line: there is no such module.
    """
    try:
        for module in modules:
            importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(f"--import_module={' '.join(modules)}: {error}") from error
