"""Which experiments the words of a command line mean. Does not know what happens to them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import PurePath

from sample_factory.runner.ledger import Entry


def with_flags(argv: Sequence[str], takes_names: bool = True) -> list[str]:
    """The same command line with flags for what was given without: first the folder, then names.

    Raises:
        ValueError: there are words that mean nothing.
    """
    # Flags of these commands have no values of their own, or with an equals sign.
    words = [argument for argument in argv if not argument.startswith("-")]
    flags = [argument for argument in argv if argument.startswith("-")]
    if not words or any(flag.startswith(("--folder", "--names")) for flag in flags):
        return list(argv)
    if len(words) > 1 and not takes_names:
        raise ValueError(f"unexpected argument {words[1]!r}; one folder is all there is to say")
    return [f"--folder={words[0]}", *flags, *(["--names", *words[1:]] if words[1:] else [])]


def select(entries: Sequence[Entry], patterns: Sequence[str]) -> list[Entry]:
    """Those that a pattern means, with or without the folder they are in; all if there are no patterns.

    Raises:
        ValueError: a pattern means none.
    """
    chosen = {entry.name for entry in entries} if not patterns else set()
    for pattern in patterns:
        found = {entry.name for entry in entries if _means(pattern, entry.name)}
        if not found:
            raise ValueError(f"there is no experiment {pattern}; `python -m sample_factory.runner.status` lists them")
        chosen |= found
    return [entry for entry in entries if entry.name in chosen]


def _means(pattern: str, name: str) -> bool:
    # Names may have brackets, which mean something in a pattern.
    return any(pattern == text or fnmatchcase(text, pattern) for text in (name, PurePath(name).name))
