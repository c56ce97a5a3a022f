"""Which worker settings suit an environment and a machine: one pure function. Knows no environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

_ENOUGH_ROWS = 32
"""Rows of a worker that make a wide inference batch."""
_SLOW_STEP_SEC = 0.1
"""A worker should not take longer for one step of all its environments: rollouts get old."""
_WORTH_IT = 1.1
"""A larger native batch must be so many times as fast."""
_MOST_ROWS = 128
"""With more, one rollout of a worker holds several training batches, and most of it is old when it is learned from."""
_MEMORY_SHARE = 0.5
"""Of the memory that is left; the learner, and what grows with time, need the rest."""


@dataclass(frozen=True)
class Recommendation:
    """Values of two options, and why."""

    num_workers: int
    num_envs_per_worker: int
    reason: str

    @property
    def flags(self) -> str:
        """For a command line."""
        return f"--num_workers={self.num_workers} --num_envs_per_worker={self.num_envs_per_worker}"


def recommend(
    cores: int,
    agents: int,
    is_native: bool,
    steps_per_sec: Mapping[int, float],
    bytes_per_env: float,
    available_bytes: float,
) -> Recommendation:
    """One worker per core, with as many environments as make wide batches, unless time or memory forbid it.

    Args:
        cores: that the run may use.
        agents: rows per environment.
        is_native: all environments of a worker are stepped in one call.
        steps_per_sec: environments in a group -> rows stepped per second on one core.
        bytes_per_env: memory of one environment.
        available_bytes: memory that is left.
    """
    envs = max(2, _even(_ENOUGH_ROWS / agents))
    reason = f"{envs * agents} rows per worker make wide inference batches"
    if is_native:
        for size, rate in sorted(steps_per_sec.items()):
            reference = max((other for number, other in steps_per_sec.items() if number <= envs), default=0.0)
            if envs < size <= _MOST_ROWS / agents and rate > _WORTH_IT * reference:
                envs, reason = size, f"one call steps a batch of {size} fastest"
    fastest = max(steps_per_sec.values())
    quick_enough = max(2, _even(fastest * _SLOW_STEP_SEC / agents))
    if quick_enough < envs:
        envs, reason = quick_enough, f"a step of more than {quick_enough} takes a worker over {_SLOW_STEP_SEC:g} s"
    workers = cores
    room = int(_MEMORY_SHARE * available_bytes / max(bytes_per_env, 1))
    if workers * envs > room:
        envs = max(2, _even(room / workers))
        workers = max(1, min(workers, room // envs))
        reason = "more would take over half of the free memory"
    whose = "one worker per core" if workers == cores else "fewer workers than cores"
    return Recommendation(workers, envs, f"{whose}; {reason}")


def _even(number: float) -> int:
    """The largest even number up to `number`: by default a worker's environments are stepped in two halves."""
    return int(number) // 2 * 2
