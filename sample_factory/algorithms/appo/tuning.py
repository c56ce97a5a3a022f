"""Chooses how many rollout workers there are and how many environments each steps, by measuring. Knows no process.

What a step costs falls with the number of environments of a worker where inference wants wide batches, and rises
where simulators push each other out of the caches. Both are measured, each alone, on one core, for a few seconds.
Learning sets the limit: one rollout of all environments is at most so many minibatches, because all but the first
train a policy that is no longer the one that acted. A learner of a small network uses one core, and has it for itself
where the others sample as fast as it learns.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import NamedTuple

import numpy as np

from sample_factory.algorithms.appo.plan import Workers, useful_slices
from sample_factory.config.learning import LearningConfig
from sample_factory.config.sampling import AUTO, SamplingConfig
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.random_actions import RandomActions
from sample_factory.rl.spaces import MASK_KEY, KeySpec
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.cores import available_cores
from sample_factory.system.usage import available_bytes, tree_bytes, tree_cpu_sec

_MOST_MINIBATCHES = 4
"""In one rollout of all environments."""
_HARDLY_MORE = 1.03
"""The smallest number of environments counts whose step costs at most so many times the least."""
_ENOUGH_ROWS = 32
"""Of a worker that does not act itself: its rows are batched with those of others."""
_MOSTLY_WAITS = 3.0
"""From so many times the time on a core on, environments are taken to wait for something else."""
_MOST_WORKERS_PER_CORE = 8
_MEMORY_SHARE = 0.5
"""Of the memory that is left; the learner, and what grows with time, need the rest."""
_WORKER_BYTES = 150e6
_TRAINING = 3.0
"""Learning from a row takes at least so many times as long as acting for it: one pass forward, two backward."""
_ENV_SEC, _INFERENCE_SEC = 0.5, 0.15
_WARM_UP_STEPS = 5
_MOST_MAKING_SEC = 4.0
"""A group that takes longer to make is not measured: its steps are taken to cost what those of the one before do."""


class EnvCost(NamedTuple):
    """One group of environments."""

    cpu_sec: float
    """Per row and step, of one core."""
    waiting: float
    """Time that passed, in times of the time on a core; at least 1."""
    bytes_per_env: float


class Costs(NamedTuple):
    """By the number of environments of a worker."""

    envs: Mapping[int, EnvCost]
    """The smaller ones may be all that was measured."""
    inference: Mapping[int, float]
    """Seconds of one core per row; empty where others act."""


def choose_workers(
    sampling: SamplingConfig,
    learning: LearningConfig,
    agents_per_env: int,
    keys: Mapping[str, KeySpec],
    make_env: Callable[[int], BatchedEnv],
    acting_policy: PolicyDescription | None,
) -> Workers:
    """What `sampling` says, or if that is "auto", what a few seconds of measuring recommend.

    Args:
        keys: of an observation.
        make_env: makes a group of so many environments.
        acting_policy: the one that acts inside the rollout workers; None with policy workers.
    """
    num_workers, num_envs = sampling.num_workers, sampling.num_envs_per_worker
    if num_workers != AUTO and num_envs != AUTO:
        return Workers(num_workers, num_envs)
    cores = len(available_cores())
    most_rows = _MOST_MINIBATCHES * learning.num_batches_per_iteration * learning.batch_size / sampling.rollout
    most_envs = most_rows / agents_per_env
    may_spare = (
        acting_policy is not None
        and sampling.num_policies == 1
        and cores > 1
        and useful_slices(learning.batch_size, acting_policy.num_weights) <= 1
    )
    sizes = [num_envs] if num_envs != AUTO else []
    if not sizes:
        fewest = num_workers if num_workers != AUTO else cores - may_spare
        sizes = group_sizes(most_envs / fewest, sampling.worker_num_splits if acting_policy is None else 1)
    with _one_core():
        envs = measure_envs(make_env, sizes)
        inference = {} if acting_policy is None else measure_inference(acting_policy, keys, sizes, agents_per_env)
    fixed = None if num_workers == AUTO else num_workers
    most_envs = math.inf if num_envs != AUTO else most_envs
    costs = Costs(envs, inference)
    return choose(costs, sizes, agents_per_env, cores, available_bytes(), fixed, most_envs, may_spare)


def group_sizes(most: float, splits: int) -> list[int]:
    """Numbers of environments to try: from 2 on (a multiple of `splits`), doubled up to `most`."""
    sizes = [math.lcm(2, splits)]
    while sizes[-1] * 2 <= most:
        sizes.append(sizes[-1] * 2)
    return sizes


def choose(
    costs: Costs,
    sizes: list[int],
    agents_per_env: int,
    cores: int,
    free_bytes: float,
    num_workers: int | None = None,
    most_envs: float = math.inf,
    may_spare: bool = False,
) -> Workers:
    """The numbers that these costs recommend.

    Args:
        sizes: numbers of environments of a worker that are possible, ascending.
        num_workers: if it is given by the user.
        most_envs: of all workers, unless even the smallest number is more.
        may_spare: the learner uses one core, so a worker less may be as fast.
    """
    waiting = min(cost.waiting for cost in costs.envs.values())
    workers = workers_for(cores, waiting) if num_workers is None else num_workers
    is_spared = may_spare and workers == cores and num_workers is None and _learns_longer(costs, sizes, cores - 1)
    workers -= is_spared
    bytes_per_env = max(cost.bytes_per_env for cost in costs.envs.values())
    room = _MEMORY_SHARE * free_bytes
    sizes = [size for size in sizes if workers * size <= most_envs] or sizes[:1]
    fitting = [size for size in sizes if workers * (size * bytes_per_env + _WORKER_BYTES) <= room] or sizes[:1]
    reasons = []
    if costs.inference:
        step_sec = {size: _env_sec(costs, size) + costs.inference[size] for size in fitting}
        chosen = next(size for size in fitting if step_sec[size] <= _HARDLY_MORE * min(step_sec.values()))
        tried = ", ".join(f"{size}: {sec * 1e6:.3g}" for size, sec in step_sec.items())
        reasons.append(f"microseconds of a step and its action by environments of a worker: {tried}")
    else:
        chosen = next((size for size in fitting if size * agents_per_env >= _ENOUGH_ROWS), fitting[-1])
        reasons.append(f"{chosen * agents_per_env} rows for policy workers")
    if len(fitting) < len(sizes):
        reasons.append("more would take over half of the free memory")
    if is_spared:
        reasons.append("learning takes longer than sampling, so the learner has a core for itself")
    if waiting >= _MOSTLY_WAITS:
        reasons.append(f"environments wait {1 - 1 / waiting:.0%} of their time")
    return Workers(workers, chosen, "; ".join(reasons))


def _learns_longer(costs: Costs, sizes: list[int], workers: int) -> bool:
    """Whether so many workers, each on a core, sample as fast as a learner on one core learns."""
    inference = costs.inference[sizes[-1]]
    return _TRAINING * inference >= (_env_sec(costs, sizes[-1]) + inference) / workers


def workers_for(cores: int, waiting: float) -> int:
    """One a core; more where environments mostly wait for something that is not this machine's processor."""
    return cores if waiting < _MOSTLY_WAITS else cores * min(_MOST_WORKERS_PER_CORE, round(waiting))


def measure_envs(make_env: Callable[[int], BatchedEnv], sizes: list[int]) -> dict[int, EnvCost]:
    """What a random step costs, for as many of `sizes` as can be made in reasonable time."""
    costs: dict[int, EnvCost] = {}
    making_sec = 0.0  # of one environment
    for size in sizes:
        if costs and making_sec * size > _MOST_MAKING_SEC:
            break
        before, start = tree_bytes(), time.perf_counter()
        with closing(make_env(size)) as env:
            out, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
            actions = RandomActions(env.actions, env.num_rows, seed=0)
            env.reset(0, out)
            making_sec = (time.perf_counter() - start) / size
            for _ in range(_WARM_UP_STEPS):
                env.step(actions.next(out).copy(), out, result)
            bytes_per_env = max(0.0, (tree_bytes() - before) / size)
            steps, wall, cpu = 0, time.perf_counter(), tree_cpu_sec()
            while not steps or time.perf_counter() < wall + _ENV_SEC:
                env.step(actions.next(out).copy(), out, result)
                steps += 1
            wall, cpu = time.perf_counter() - wall, max(tree_cpu_sec() - cpu, 1e-6)
            costs[size] = EnvCost(cpu / steps / env.num_rows, max(1.0, wall / cpu), bytes_per_env)
    return costs


def measure_inference(
    description: PolicyDescription, keys: Mapping[str, KeySpec], sizes: list[int], agents_per_env: int
) -> dict[int, float]:
    """Seconds of one core per row that a policy acts for, in groups of so many environments."""
    limit_threads(1, with_torch=True)
    policy = description.make(0)
    costs = {}
    for size in sizes:
        rows = size * agents_per_env
        obs, state = zero_rows(keys, rows), np.zeros((rows, description.state_size), np.float32)
        if MASK_KEY in obs:
            obs[MASK_KEY][:] = 1
        policy.act(obs, state)
        calls, start = 0, time.process_time()
        while calls < 3 or time.process_time() < start + _INFERENCE_SEC:
            policy.act(obs, state)
            calls += 1
        costs[size] = (time.process_time() - start) / calls / rows
    return costs


def _env_sec(costs: Costs, size: int) -> float:
    """Of the largest group that was measured and is not larger."""
    return costs.envs[max(measured for measured in costs.envs if measured <= size)].cpu_sec


@contextmanager
def _one_core() -> Iterator[None]:
    """What is started meanwhile stays on one core, as the environments of a worker do."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
