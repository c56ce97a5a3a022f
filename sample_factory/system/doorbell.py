"""Wake-ups between processes. Knows nothing of what there is to do.

A ring says "look again"; what there is to do is written in shared memory (the block ledger, the request table). A
lost or a doubled ring therefore never matters, no message can be lost with the process that had taken it, and there
is no lock that a killed process could leave locked. A pipe rather than a queue: 50-70 us for a round trip between two
processes here, 70-80 with faster-fifo.
"""

from __future__ import annotations

import contextlib
import os
import select
from multiprocessing import reduction
from typing import Any


class Bell:
    """The ringing end: any number of processes may hold one."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    # hot path
    def ring(self) -> None:
        """Wake the owner of the doorbell; never blocks."""
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes its reader anyway
            os.write(self._fd, b"\0")

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen_bell, (reduction.DupFd(self._fd),)


class Doorbell:
    """The listening end, for one process at a time; the supervisor keeps it for a dead one's successor."""

    def __init__(self, fds: tuple[int, int] | None = None) -> None:
        self._read_fd, self._write_fd = fds or os.pipe()
        os.set_blocking(self._read_fd, False)
        os.set_blocking(self._write_fd, False)
        self._poll = select.poll()
        self._poll.register(self._read_fd, select.POLLIN)
        self.bell = Bell(self._write_fd)

    # hot path
    def wait(self, timeout_sec: float) -> bool:
        """Sleep until somebody rings, or the time is over; says which. Rings that came before count once."""
        if not self._poll.poll(timeout_sec * 1000):
            return False
        with contextlib.suppress(BlockingIOError):
            os.read(self._read_fd, 65536)
        return True

    def close(self) -> None:
        """Close both ends."""
        os.close(self._read_fd)
        os.close(self._write_fd)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen_doorbell, (reduction.DupFd(self._read_fd), reduction.DupFd(self._write_fd))


def _reopen_bell(handle: Any) -> Bell:
    return Bell(handle.detach())


def _reopen_doorbell(read: Any, write: Any) -> Doorbell:
    return Doorbell((read.detach(), write.detach()))
