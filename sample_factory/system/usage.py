"""How much memory there is, and how much of it and of the processor a process and its children take.

Knows nothing of what they do with it.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import psutil

_GROUP = Path("/sys/fs/cgroup")


def available_bytes() -> int:
    """Memory that can still be taken: of the machine, or of the container if that has less."""
    available = int(psutil.virtual_memory().available)
    try:
        limit, used = ((_GROUP / name).read_text().strip() for name in ("memory.max", "memory.current"))
        return min(available, max(0, int(limit) - int(used)))
    except (OSError, ValueError):  # no such group, or no limit
        return available


def tree_bytes() -> int:
    """Memory of this process and all below it; what several share counts once (elsewhere than on Linux: not at all)."""
    total = 0
    process = psutil.Process()
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):  # it may have ended
            info = member.memory_full_info()
            total += getattr(info, "pss", None) or info.uss
    return total


def tree_cpu_sec() -> float:
    """Time that this process and all below it have spent on a core."""
    total = 0.0
    process = psutil.Process()
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.Error):
            times = member.cpu_times()
            total += times.user + times.system
    return total
