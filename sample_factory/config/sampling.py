"""Options of experience collection: processes, environments per process, watchdogs. Know nothing about learning."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive

AUTO: Literal["auto"] = "auto"
"""The value of an option that is chosen by measuring, before the run starts."""


def available_cores() -> int:
    """Logical cores that this process may use (fewer than the machine has in containers and under taskset)."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class SamplingConfig:
    """How experience is collected."""

    rollout: int = 32
    """Steps in one trajectory."""
    num_workers: int | Literal["auto"] = field(default_factory=available_cores)
    """Rollout worker processes; by default one for each available core. auto: more if environments mostly wait, one
    less where the learner of a small network can use a core of its own."""
    num_envs_per_worker: int | Literal["auto"] = 2
    """Environments stepped by each rollout worker. auto: the environment and inference are measured with several
    numbers (a few seconds), and the smallest number counts with which a step costs hardly more than the least."""
    worker_num_splits: int = 2
    """Groups stepped in turn by a worker: 1 waits for actions, 2 is double buffering, 3 triple."""
    num_policies: int = 1
    """Policies trained at once."""
    policy_workers_per_policy: int = 1
    """Policy worker processes that batch inference for each policy (not used by inline inference)."""
    inference: Literal["auto", "inline", "policy_workers"] = "auto"
    """Where actions are computed: in the rollout workers, in batching policy workers, or as suits the machine."""
    traj_buffers_excess_ratio: float = 1.3
    """Trajectory buffers relative to the minimum that keeps everybody busy; more costs memory and policy lag."""
    decorrelate_experience_max_seconds: int = 10
    """Rollout workers start at times spread over this many seconds, so that their episodes do not run in step."""
    decorrelate_envs_on_one_worker: bool = True
    """Let the environments of one worker begin with a different number of random actions each."""
    set_workers_cpu_affinity: bool = True
    """Pin rollout workers to cores."""
    force_envs_single_thread: bool = True
    """Limit the numerical libraries used by environments to one thread."""
    reset_timeout_seconds: int = 120
    """Seconds a rollout worker may take to create and reset its environments before it is replaced."""
    stall_timeout_seconds: int = 120
    """Seconds a component may be silent before it is killed and replaced."""
    max_restarts: int = 5
    """Restarts of one component without progress in between before the run fails."""
    default_niceness: int = 0
    """Added to the niceness of every process of the run but the one that was started; negative needs privileges."""
    actor_worker_gpus: tuple[int, ...] = ()
    """Indices of GPUs that rollout workers can see, for environments that render on them."""
    sampler_only: bool = False
    """Collect experience without training on it, to measure sampling alone."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_positive(self, "rollout", "worker_num_splits", "num_policies")
        check_positive(self, *(name for name in ("num_workers", "num_envs_per_worker") if getattr(self, name) != AUTO))
        check_positive(self, "policy_workers_per_policy", "reset_timeout_seconds", "stall_timeout_seconds")
        check_at_least(self, 1, "traj_buffers_excess_ratio")
        check_at_least(self, 0, "decorrelate_experience_max_seconds", "max_restarts")
        if not -20 <= self.default_niceness <= 19:
            raise ValueError(f"--default_niceness={self.default_niceness} must be between -20 and 19")
        if any(gpu < 0 for gpu in self.actor_worker_gpus):
            raise ValueError(f"--actor_worker_gpus={list(self.actor_worker_gpus)} must not be negative")
        if self.num_envs_per_worker != AUTO and self.num_envs_per_worker % self.worker_num_splits:
            raise ValueError(
                f"--num_envs_per_worker={self.num_envs_per_worker} must be divisible by "
                f"--worker_num_splits={self.worker_num_splits}"
            )
        if self.inference == "inline" and self.policy_workers_per_policy > 1:
            raise ValueError(
                f"--policy_workers_per_policy={self.policy_workers_per_policy} contradicts --inference=inline, "
                "which has no policy workers"
            )
