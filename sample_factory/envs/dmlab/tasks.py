"""Which environment of a run plays which level. Knows no simulator."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """An environment among those of its run that play the same level."""

    task: int
    """Number of the level."""
    number: int
    """Which of the environments that play this level it is, from 0."""
    num_envs: int
    """How many environments play this level."""


def place_of(env_id: int, num_tasks: int, num_workers: int, envs_per_worker: int, one_task_per_worker: bool) -> Place:
    """Levels go to environments in turn, or to workers in turn.

    Args:
        env_id: number of the environment in the run; those of a worker follow each other.
    """
    worker, within = divmod(env_id, envs_per_worker)
    if not one_task_per_worker:
        return Place(env_id % num_tasks, env_id // num_tasks, _count(num_workers * envs_per_worker, env_id, num_tasks))
    workers = _count(num_workers, worker, num_tasks)
    return Place(worker % num_tasks, worker // num_tasks * envs_per_worker + within, workers * envs_per_worker)


def _count(total: int, number: int, num_tasks: int) -> int:
    """How many of the numbers below `total` (or of a number beyond, itself) have the same task as `number`."""
    return max(total - number % num_tasks - 1, number) // num_tasks + 1
