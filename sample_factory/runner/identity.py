"""Which process a pid means: pids are used again. Knows no experiment."""

from __future__ import annotations

import socket
import sys
from functools import cache
from pathlib import Path

import psutil


def this_host() -> str:
    """Name of this machine."""
    return socket.gethostname()


def process_identity(pid: int) -> str | None:
    """What tells a living process from all others that had or will have its pid here; None if there is none.

    A process that has ended and that nobody has waited for is not living.
    """
    if sys.platform == "linux":
        # Not psutil's time of creation, which moves when the clock is set.
        try:
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None
        return None if fields[0] in (b"Z", b"X") else f"{_boot()}:{int(fields[19])}"
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.3f}"
    except psutil.Error:
        return None


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
