"""Keyword arguments as a command line. Knows no option."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def command_line(options: Mapping[str, Any]) -> list[str]:
    """The arguments that say the same as keyword arguments; a dictionary becomes a JSON object."""
    arguments: list[str] = []
    for name, value in options.items():
        if isinstance(value, Mapping):
            arguments.append(f"--{name}={json.dumps(value)}")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            arguments += [f"--{name}", *map(str, value)]
        else:
            arguments.append(f"--{name}={value}")
    return arguments
