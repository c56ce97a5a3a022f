"""Ends a process whose Doom library waits for an engine that is gone. Knows no environment.

When an engine is killed in the middle of a step, its library either says so or waits for ever, and nothing can
interrupt it. A process that has ended is replaced at once by whoever watches over it; one that waits is noticed late.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable
from typing import Protocol

_INTERVAL_SEC = 1.0


class WatchedGame(Protocol):
    """A game and the process that runs it."""

    engine_pid: int | None
    calls: int
    """Raised before and after each call of the library, so it is odd during a call."""

    def engine_is_running(self) -> bool:
        """Whether the process of the engine is there."""
        ...


class EngineWatch:
    """Looks every second after the games of this process.

    Args:
        give_up: called when a call has not returned although its engine is gone.
    """

    def __init__(self, give_up: Callable[[], None]) -> None:
        self._give_up = give_up
        self._lock = threading.Lock()
        self._games: dict[int, tuple[WatchedGame, int]] = {}  # with the calls of the last look, if the engine was gone
        self._thread: threading.Thread | None = None

    def add(self, game: WatchedGame) -> None:
        """Look after a game from now on."""
        with self._lock:
            self._games[id(game)] = (game, -1)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="doom watch", daemon=True)
                self._thread.start()

    def remove(self, game: WatchedGame) -> None:
        """It has ended."""
        with self._lock:
            self._games.pop(id(game), None)

    def look(self) -> None:
        """Look once; the second look at the same unfinished call without an engine is one too many."""
        with self._lock:
            for key, (game, calls_before) in self._games.items():
                if not game.calls % 2 or game.engine_is_running():
                    self._games[key] = (game, -1)
                elif game.calls == calls_before:
                    self._give_up()
                else:
                    self._games[key] = (game, game.calls)

    def _run(self) -> None:
        pause = threading.Event()
        while not pause.wait(_INTERVAL_SEC):
            self.look()


def end_process(why: str = "a Doom engine is gone and its library waits for it: this process ends") -> None:
    """End this process without waiting for anything."""
    print(why, file=sys.stderr, flush=True)
    sys.stdout.flush()
    os._exit(1)


WATCH = EngineWatch(end_process)
"""Of this process."""
