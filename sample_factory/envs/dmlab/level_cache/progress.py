"""How long work says how far it is. Knows no terminal: who has one passes a `Track` of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Track = Callable[[Sequence[str], str], Iterable[str]]
"""Goes through names and shows how many are done; the text says what is done with them."""


def silently(names: Sequence[str], _what: str) -> Iterable[str]:
    """Show nothing."""
    return names
