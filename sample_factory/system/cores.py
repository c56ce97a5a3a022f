"""What the processor offers. Knows nothing of who uses it."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


def available_cores() -> tuple[int, ...]:
    """CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return tuple(sorted(os.sched_getaffinity(0)))
    return tuple(range(os.cpu_count() or 1))


@cache
def has_native_bfloat16() -> bool:
    """Whether the CPU multiplies matrices in bfloat16 faster than in float32."""
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
