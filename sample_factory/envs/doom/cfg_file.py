"""The syntax of VizDoom's configuration files (.cfg). Knows no key and no engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple


class Entry(NamedTuple):
    """One `key = value`, or `key += value`, of a file."""

    path: Path
    line: int
    key: str
    value: str
    adds: bool

    def error(self, message: str) -> ValueError:
        """What is wrong with it, and where it stands."""
        return ValueError(f"{self.path}, line {self.line}: {message}")


def read_cfg(path: Path) -> list[Entry]:
    """All entries of a file; a value in braces may go over several lines.

    Raises:
        ValueError: there is no such file, or a line of it is none of a configuration.
    """
    if not path.is_file():
        raise ValueError(f"there is no configuration file {path}")
    entries: list[Entry] = []
    opened: Entry | None = None
    for number, raw in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        text = raw.split("#", 1)[0].strip()
        if not text:
            continue
        if opened is None:
            match = re.fullmatch(r"(\w+)\s*(\+?)=\s*(.*)", text)
            if match is None:
                raise ValueError(f"{path}, line {number}: {text!r} is not of the form key = value")
            opened = Entry(path, number, match[1], match[3], bool(match[2]))
        else:
            opened = opened._replace(value=f"{opened.value} {text}".strip())
        if opened.value and ("{" not in opened.value or "}" in opened.value):
            entries.append(opened)
            opened = None
    if opened is not None:
        raise opened.error(f"{opened.key} has no end")
    return entries


def plain(key: str) -> str:
    """Keys are the same with and without capitals and underscores."""
    return key.replace("_", "").lower()


def boolean(value: str) -> bool:
    """Read a value."""
    if value.lower() not in ("true", "false", "1", "0"):
        raise ValueError(f"{value!r} is not true or false")
    return value.lower() in ("true", "1")


def integer(value: str) -> int:
    """Read a value."""
    if not re.fullmatch(r"-?\d+", value):
        raise ValueError(f"{value!r} is not a whole number")
    return int(value)


def number(value: str) -> float:
    """Read a value."""
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"{value!r} is not a number") from None


def text(value: str) -> str:
    """Read a value."""
    return value.strip("\"'")


def names(value: str) -> tuple[str, ...]:
    """Read a list."""
    return tuple(value.strip("{} ").upper().split())
