"""Sharing GPUs and cores between experiments that run at the same time. Pure; starts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from sample_factory.runner.ledger import Place


def choose_place(
    used: Sequence[Place], max_parallel: int, gpus: Sequence[str], per_gpu: int, shares: Sequence[tuple[int, ...]]
) -> Place | None:
    """Where the next experiment runs: on the least loaded GPU and the least used share of the cores.

    Args:
        used: places of the running experiments.
        max_parallel: of these, how many there may be.
        gpus: what CUDA_VISIBLE_DEVICES may be.
        per_gpu: experiments that share a GPU; 0 or less does not distribute GPUs.
        shares: cores of each share; none does not distribute cores.

    Returns:
        None if everything is full.
    """
    if len(used) >= max_parallel:
        return None
    gpu = None
    if per_gpu > 0:
        load = Counter(place.gpu for place in used)
        gpu = min(gpus, key=lambda name: load[name])
        if load[gpu] >= per_gpu:
            return None
    return Place(gpu, _least_used(shares, used) if shares else ())


def core_shares(cores: Sequence[int], num_shares: int) -> list[tuple[int, ...]]:
    """Disjoint shares that differ by at most one core; with fewer cores than shares, several have the same core."""
    if num_shares > len(cores):
        return [(cores[share % len(cores)],) for share in range(num_shares)]
    bounds = [share * len(cores) // num_shares for share in range(num_shares + 1)]
    return [tuple(cores[low:high]) for low, high in pairwise(bounds)]


def visible_gpus(num_gpus: int, cuda_visible_devices: str | None) -> list[str]:
    """Names of the first GPUs that the runner itself may use.

    Raises:
        ValueError: it may use fewer.
    """
    if cuda_visible_devices is None:
        return [str(index) for index in range(num_gpus)]
    names = [name.strip() for name in cuda_visible_devices.split(",") if name.strip()]
    if num_gpus > len(names):
        raise ValueError(f"--num_gpus={num_gpus}, but CUDA_VISIBLE_DEVICES={cuda_visible_devices} has {len(names)}")
    return names[:num_gpus]


def _least_used(shares: Sequence[tuple[int, ...]], used: Sequence[Place]) -> tuple[int, ...]:
    load = Counter(core for place in used for core in place.cores)
    return min(shares, key=lambda share: sum(load[core] for core in share) / len(share))
