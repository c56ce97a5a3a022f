"""Signs of life from inside a long call, to whoever watches this process. Does not know who that is.

A worker's loop shows that it is alive between two steps. What takes minutes within one (making and resetting many
environments, waiting for a place to compile a level) says so here.
"""

from __future__ import annotations

from collections.abc import Callable

_alive: Callable[[], object] = lambda: None  # noqa: E731
_moved: Callable[[], object] = lambda: None  # noqa: E731


def listen(alive: Callable[[], object], moved: Callable[[], object] = lambda: None) -> None:
    """Call these from now on; a process has one listener."""
    global _alive, _moved
    _alive, _moved = alive, moved


def still_alive() -> None:
    """This process waits for something, and has not stopped."""
    _alive()


def moved() -> None:
    """A part of a long call is done."""
    _alive()
    _moved()
