"""How many threads numerical libraries may use in this process. Knows no plan: it is told."""

from __future__ import annotations

import sys

from threadpoolctl import threadpool_limits


def limit_threads(threads: int | None, with_torch: bool) -> None:
    """Limit OpenMP, BLAS and, in a process that uses it anyway, torch; with None only torch, to one thread."""
    if with_torch or "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads or 1)
    if threads is not None:
        threadpool_limits(threads)
