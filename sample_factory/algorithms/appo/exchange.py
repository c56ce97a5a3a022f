"""Which policy is to go on with whose weights, in shared memory. Knows no weights, and not why.

    main process: ask  ->  learner of the source: write a file  ->  learner of the target: take it

Each exchange of a policy has a number, and numbers only grow. Every cell has one writer, and every step may be done
twice, so whoever is killed on the way leaves it to its successor. A checkpoint has the number of the last exchange.
"""

from __future__ import annotations

import numpy as np

from sample_factory.system.arena import Arena, ArraySpec

_NAMES = ("asked", "source", "written", "taken", "first_version")


def exchange_specs(num_policies: int) -> dict[str, ArraySpec]:
    """Arrays in the arena, one number for each policy whose weights are replaced."""
    return {f"exchange/{name}": ArraySpec((num_policies,), np.int64) for name in _NAMES}


class Exchanges:
    """What has been asked for, and how far it is."""

    def __init__(self, arena: Arena) -> None:
        self._asked, self._source = arena["exchange/asked"], arena["exchange/source"]
        self._written, self._taken = arena["exchange/written"], arena["exchange/taken"]
        self._first_version = arena["exchange/first_version"]

    def ask(self, policy: int, source: int, number: int) -> None:
        """Let `policy` go on with what `source` has; by the main process, for one policy at a time."""
        self._source[policy] = source
        self._asked[policy] = number

    def is_over(self, policy: int) -> bool:
        """Whether the last exchange that was asked for has been made."""
        return bool(self._taken[policy] >= self._asked[policy])

    def to_write(self, source: int) -> list[tuple[int, int]]:
        """(policy, number) of those who wait for the weights of `source`."""
        waiting = (self._source == source) & (self._asked > self._written) & (self._asked > self._taken)
        return [(policy, int(self._asked[policy])) for policy in np.flatnonzero(waiting).tolist()]

    def wrote(self, policy: int, number: int) -> None:
        """The file is there; by the learner of the source."""
        self._written[policy] = number

    def to_take(self, policy: int) -> int | None:
        """Number of the file that `policy` is to take, if there is one."""
        number = int(self._asked[policy])
        return number if self._taken[policy] < number == self._written[policy] else None

    def took(self, policy: int, number: int, version: int) -> None:
        """`policy` goes on with other weights, the first of which have this version; by its learner."""
        self._first_version[policy] = version
        self._taken[policy] = number

    def last_taken(self, policy: int) -> int:
        """Number of the last exchange that was made; 0 for none."""
        return int(self._taken[policy])

    def first_version(self, policy: int) -> int:
        """Of the weights after that exchange."""
        return int(self._first_version[policy])
