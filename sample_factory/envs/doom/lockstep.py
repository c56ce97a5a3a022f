"""Several engines that wait for each other, driven tic by tic. Knows no environment.

Each player of a match has an engine and a network connection of its own, and no engine finishes a tic before it has
heard what all others do in it. So every call must be made for all players at once, each from a thread of its own, and
no player may be a tic ahead: engines that are asked for several tics at a time wait for each other for ever.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

Call = Callable[[], Any]


class MatchFrozenError(RuntimeError):
    """The engines of a match wait for something that does not come."""


class Together:
    """One thread per player, in which its calls run; the threads end with the process, or at `close`.

    A call that never returns keeps its thread: such a group must be closed and replaced, and nobody else may touch what
    that call works on (`unfinished`).
    """

    def __init__(self, num_players: int) -> None:
        self._calls: list[queue.SimpleQueue[Call | None]] = [queue.SimpleQueue() for _ in range(num_players)]
        self._outcomes: queue.SimpleQueue[tuple[int, Any, BaseException | None]] = queue.SimpleQueue()
        self._busy: set[int] = set()
        for player, calls in enumerate(self._calls):
            name = f"doom player {player}"
            threading.Thread(target=_serve, args=(player, calls, self._outcomes), name=name, daemon=True).start()

    # hot path
    def run(self, calls: Sequence[Call], timeout_sec: float) -> list[Any]:
        """What the calls return, one for each player, made at the same time.

        Raises:
            MatchFrozenError: one has not returned in that time.
            Exception: what the first failing call raised, once all have returned.
        """
        assert not self._busy
        self._busy.update(range(len(self._calls)))
        for mine, call in zip(self._calls, calls, strict=True):
            mine.put(call)
        results: list[Any] = [None] * len(calls)
        failure: BaseException | None = None
        for _ in calls:
            try:
                player, results_of_player, error = self._outcomes.get(timeout=timeout_sec)
            except queue.Empty:
                raise failure or MatchFrozenError(f"no answer from a Doom engine in {timeout_sec:g} s") from None
            self._busy.discard(player)
            results[player], failure = results_of_player, failure or error
        if failure is not None:
            raise failure
        return results

    def unfinished(self, timeout_sec: float) -> frozenset[int]:
        """Players whose last call has not returned, and does not in that time either."""
        deadline = time.monotonic() + timeout_sec
        while self._busy:
            try:
                player, _, _ = self._outcomes.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                break
            self._busy.discard(player)
        return frozenset(self._busy)

    def close(self) -> None:
        """Let the threads end."""
        for calls in self._calls:
            calls.put(None)


def _serve(player: int, calls: queue.SimpleQueue[Call | None], outcomes: queue.SimpleQueue[Any]) -> None:
    while (call := calls.get()) is not None:
        try:
            outcomes.put((player, call(), None))
        except BaseException as error:  # noqa: PERF203 (handed to the caller)
            outcomes.put((player, None, error))
