"""Which group waits for which policy, and where its rows are. Knows nothing of doorbells.

Request numbers only grow. A policy worker serves a group when `asked` is ahead of `answered`, and then sets
`answered` to the number it has served; so serving twice, or a policy worker that dies half-way, does no harm: its
successor finds the same open requests.
"""

from __future__ import annotations

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec


def request_specs(num_groups: int, num_policies: int) -> dict[str, ArraySpec]:
    """Arrays that the table needs in the arena."""
    return {
        "requests/asked": ArraySpec((num_groups, num_policies), np.int64),
        "requests/answered": ArraySpec((num_groups, num_policies), np.int64),
        "requests/cursor": ArraySpec((num_groups, 2), np.int32),
    }


class RequestTable:
    """Open and answered requests for actions."""

    def __init__(self, arena: Arena) -> None:
        self._asked = arena["requests/asked"]
        self._answered = arena["requests/answered"]
        self._cursor = arena["requests/cursor"]

    # hot path
    def ask(self, group: int, policy: int, block: int, step: int) -> None:
        """The rows of `group` at `step` of `block` wait for actions of `policy`; written by the group's worker."""
        self._cursor[group] = block, step
        self._asked[group, policy] += 1

    # hot path
    def is_answered(self, group: int) -> bool:
        """Whether the newest request to every policy has been served."""
        return bool((self._asked[group] == self._answered[group]).all())

    # hot path
    def open_requests(self, groups: np.ndarray, policy: int) -> list[tuple[int, int, int, int]]:
        """(group, request number, block, step) of every open request among `groups`; read by the policy worker."""
        asked = self._asked[groups, policy]
        waiting = np.flatnonzero(asked != self._answered[groups, policy])
        return [
            (int(groups[i]), int(asked[i]), int(self._cursor[groups[i], 0]), int(self._cursor[groups[i], 1]))
            for i in waiting
        ]

    # hot path
    def answer(self, group: int, policy: int, number: int) -> None:
        """Actions for request `number` are in the block; written by the policy worker."""
        self._answered[group, policy] = number
