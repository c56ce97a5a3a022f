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


def pin(cores: tuple[int, ...], num_workers: int) -> list[tuple[int, ...]]:
    """Cores of each worker: one core each, round and round; those of an incomplete last round share all cores.

    44 workers on 20 cores: 40 have a core each, the last 4 have five cores each.
    """
    full_rounds = num_workers // len(cores) * len(cores)
    left = num_workers - full_rounds
    pinned: list[tuple[int, ...]] = [(cores[worker % len(cores)],) for worker in range(full_rounds)]
    if left:
        share = len(cores) // left
        pinned += [tuple(cores[i * share : (i + 1) * share]) for i in range(left)]
    return pinned
