"""Which group waits for which policy, and where its rows are. Knows nothing of doorbells.

Request numbers only grow. A policy worker serves a group when `asked` is ahead of `answered`, and then sets
`answered` to the number it has served; so serving twice, or a policy worker that dies half-way, does no harm: its
successor finds the same open requests.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec


def request_specs(num_groups: int, num_policies: int) -> dict[str, ArraySpec]:
    """Arrays that the table needs in the arena."""
    return {
        "requests/asked": ArraySpec((num_groups, num_policies), np.int64),
        "requests/answered": ArraySpec((num_groups, num_policies), np.int64),
        "requests/cursor": ArraySpec((num_groups, 2), np.int32),
    }


class OpenRequests(NamedTuple):
    """Groups that wait for one policy; every array is [n]."""

    groups: np.ndarray
    numbers: np.ndarray  # of the requests
    blocks: np.ndarray
    steps: np.ndarray


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
        return self._asked[group].tolist() == self._answered[group].tolist()  # type: ignore[no-any-return]

    # hot path
    def open_requests(self, groups: np.ndarray, policy: int) -> OpenRequests:
        """Every open request among `groups`; read by the policy worker."""
        asked = self._asked[groups, policy]
        waiting = np.flatnonzero(asked != self._answered[groups, policy])
        found = groups[waiting]
        cursor = self._cursor[found]
        return OpenRequests(found, asked[waiting], cursor[:, 0], cursor[:, 1])

    # hot path
    def answer(self, groups: np.ndarray, policy: int, numbers: np.ndarray) -> None:
        """Actions for requests `numbers` of `groups` are in the blocks; written by the policy worker."""
        self._answered[groups, policy] = numbers
