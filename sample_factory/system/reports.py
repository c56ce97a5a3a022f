"""What components tell the supervisor: rare, small messages as JSON lines through one pipe per process.

Knows no meaning.

One writer and one reader a pipe, no lock: a process killed in the middle of a line leaves only an unfinished line,
which is dropped. A report never blocks its sender: when the supervisor is behind, lines wait in the sender, and the
oldest go first.
"""

from __future__ import annotations

import json
import os
import select
import time
from collections import deque
from multiprocessing import reduction
from typing import Any, NamedTuple, Protocol

_MAX_WAITING_LINES = 20_000


class Report(NamedTuple):
    """One message: who says what."""

    component: str
    kind: str
    data: dict[str, Any]


class ReportSink(Protocol):
    """Where reports go: a pipe to the supervisor, or a list in serial mode and in tests."""

    def send(self, kind: str, **data: Any) -> None:
        """Send one message."""
        ...


class ReportWriter:
    """The sending end, for one component."""

    def __init__(self, fd: int, component: str) -> None:
        self._fd = fd
        self._component = component
        self._waiting: deque[bytes] = deque(maxlen=_MAX_WAITING_LINES)
        self._partial = b""
        os.set_blocking(fd, False)

    def send(self, kind: str, **data: Any) -> None:
        """Queue a message and write what the pipe takes now."""
        self._waiting.append(json.dumps([self._component, kind, data]).encode() + b"\n")
        self.flush()

    def flush(self) -> None:
        """Write what is waiting, as far as the pipe takes it."""
        try:
            while self._partial or self._waiting:
                if not self._partial:
                    self._partial = self._waiting.popleft()
                self._partial = self._partial[os.write(self._fd, self._partial) :]
        except (BlockingIOError, BrokenPipeError):
            pass  # the rest goes with the next call, or nobody is listening any more

    def drain(self, timeout_sec: float) -> bool:
        """Write everything that is waiting, for at most so long; says whether all is written."""
        deadline = time.monotonic() + timeout_sec
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        self.flush()
        while (self._partial or self._waiting) and (left := deadline - time.monotonic()) > 0:
            if any(event & select.POLLERR for _, event in poll.poll(left * 1000)):
                break  # nobody is listening any more
            self.flush()
        return not (self._partial or self._waiting)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (reduction.DupFd(self._fd), self._component)

    def close(self) -> None:
        """Close this process's copy."""
        os.close(self._fd)


class ReportReader:
    """The receiving end."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._buffer = b""
        self.at_end = False
        """Whether no process has the sending end any more: waiting for it would return at once for ever."""
        os.set_blocking(fd, False)

    def fileno(self) -> int:
        """For waiting on several readers at once."""
        return self.fd

    def read(self) -> list[Report]:
        """Every complete message that has arrived; never blocks."""
        try:
            while chunk := os.read(self.fd, 1 << 16):
                self._buffer += chunk
            self.at_end = True
        except BlockingIOError:
            pass
        *lines, self._buffer = self._buffer.split(b"\n")
        return [Report(*json.loads(line)) for line in lines]

    def close(self) -> None:
        """Close the pipe."""
        os.close(self.fd)


def report_pipe(component: str) -> tuple[ReportReader, ReportWriter]:
    """A fresh pipe for one process."""
    read_fd, write_fd = os.pipe()
    return ReportReader(read_fd), ReportWriter(write_fd, component)


def _reopen(handle: Any, component: str) -> ReportWriter:
    return ReportWriter(handle.detach(), component)
