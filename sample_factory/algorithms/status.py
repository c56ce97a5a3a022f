"""How a run ended."""

from enum import IntEnum


class Status(IntEnum):
    """The exit status of the process."""

    SUCCESS = 0
    FAILURE = 1
    INTERRUPTED = 2
