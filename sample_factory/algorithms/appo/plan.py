"""How a run is laid out over the machine: one pure function from options and cores to numbers. Knows no process.

The plan decides what the options leave to the machine: where inference runs, whether sampling and learning overlap or
alternate, how many blocks there are, and how many threads each process may use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sample_factory.config.learning import LearningConfig
from sample_factory.config.sampling import SamplingConfig
from sample_factory.system.cores import pin

_FEW_CORES = 4
_WORK_PER_SLICE = 2**25
"""Steps times weights, a millisecond or two. With less, threads wait for each other's Python more than they save."""


@dataclass(frozen=True)
class Machine:
    """What the plan must know of the machine."""

    cores: tuple[int, ...]
    """CPU cores this run may use."""
    device: Literal["cpu", "cuda"]
    native_bfloat16: bool
    """Whether matrix products in bfloat16 are faster than in float32."""
    num_gpus: int = 0


class Workers(NamedTuple):
    """How many there are, and how much each has to do."""

    num_workers: int
    num_envs_per_worker: int
    reason: str | None = None
    """Why, if they were chosen by measuring."""


@dataclass(frozen=True)
class Plan:
    """The layout of a run."""

    inline: bool
    """Rollout workers act for their own rows; otherwise policy workers do."""
    alternate: bool
    """Sampling and learning take turns where both would want the same cores, with as few blocks as that needs."""
    release_early: bool
    """Blocks come back as soon as they are copied, and not when all that are READY have been trained on."""
    num_workers: int
    groups_per_worker: int
    envs_per_group: int
    rows: int
    """Rows of a group."""
    blocks_per_group: int
    iteration_rows: int
    """Trajectories the learner collects before it trains."""
    learner_threads: int
    policy_worker_threads: int
    bfloat16: bool
    worker_cores: tuple[tuple[int, ...], ...]
    """Cores of each rollout worker; empty for no pinning."""
    workers_reason: str | None
    """Why there are so many workers and environments, if that was chosen by measuring."""


def acts_inline(sampling: SamplingConfig, machine: Machine) -> bool:
    """Whether rollout workers act for their own rows."""
    return sampling.inference == "inline" or (sampling.inference == "auto" and machine.device == "cpu")


def uses_bfloat16(learning: LearningConfig, machine: Machine, worth_bfloat16: bool) -> bool:
    """Whether the network computes in bfloat16; it is worth it if the network is large enough."""
    if learning.precision == "auto":
        return machine.native_bfloat16 and worth_bfloat16
    return learning.precision == "bfloat16"


def iteration_rows(learning: LearningConfig, rollout: int) -> int:
    """Trajectories that a learner collects before it trains."""
    return learning.num_batches_per_iteration * learning.batch_size // rollout


def make_plan(
    sampling: SamplingConfig,
    workers: Workers,
    learning: LearningConfig,
    machine: Machine,
    agents_per_env: int,
    worth_bfloat16: bool,
    num_weights: int,
    serial: bool = False,
) -> Plan:
    """Lay out a run.

    Args:
        workers: instead of what `sampling` says, which may be "auto".
        worth_bfloat16: whether the network is large enough for the lower precision to pay.
        num_weights: of the network.
        serial: everything happens in one process.
    """
    inline = acts_inline(sampling, machine)
    backlog = learning.num_minibatches_to_accumulate
    few_cores = machine.device == "cpu" and len(machine.cores) <= _FEW_CORES
    alternate = serial or backlog == 0 or (backlog < 0 and few_cores)
    groups = 1 if inline else sampling.worker_num_splits
    envs = workers.num_envs_per_worker // groups
    rows = envs * agents_per_env
    needed_rows = iteration_rows(learning, sampling.rollout)
    total_rows = workers.num_workers * groups * rows
    if alternate:
        # The learner may hold a partly used block, so one block less than all of them must still fill an iteration.
        slack = 0 if needed_rows % rows == 0 else rows - 1
        blocks = math.ceil((needed_rows + slack) / total_rows)
    else:
        waiting = (
            (2 * learning.num_batches_per_iteration if backlog < 0 else backlog)
            * learning.batch_size
            / sampling.rollout
        )
        blocks = max(2, math.ceil(sampling.traj_buffers_excess_ratio * (1 + waiting / total_rows)))
        blocks = max(blocks, math.ceil((needed_rows + rows - 1) / total_rows) + 1)
    cores = len(machine.cores)
    learners = sampling.num_policies  # on a CPU they share it
    busy_at_once = workers.num_workers + max(1, useful_slices(learning.batch_size, num_weights))
    has_room = backlog < 0 and not serial and busy_at_once <= cores
    # Threads add gradients up in the order in which they happen to end; on a GPU there is nothing for them to do.
    one_thread = serial or machine.device == "cuda"
    return Plan(
        inline=inline,
        alternate=alternate,
        # Several learners that waited for each other would keep each other's blocks.
        release_early=not alternate or learners > 1 or has_room,
        num_workers=workers.num_workers,
        groups_per_worker=groups,
        envs_per_group=envs,
        rows=rows,
        blocks_per_group=blocks,
        iteration_rows=needed_rows,
        learner_threads=1
        if one_thread
        else max(math.ceil(sampling_threads(cores, alternate) / learners), learning.learner_main_loop_num_cores),
        policy_worker_threads=1,
        bfloat16=uses_bfloat16(learning, machine, worth_bfloat16),
        worker_cores=tuple(pin(machine.cores, workers.num_workers)) if sampling.set_workers_cpu_affinity else (),
        workers_reason=workers.reason,
    )


def useful_slices(num_steps: int, num_weights: int) -> int:
    """Into how many slices, each with a thread of its own, a minibatch is worth being cut; 0 for a very small one."""
    return num_steps * num_weights // _WORK_PER_SLICE


def sampling_threads(cores: int, alternate: bool) -> int:
    """Threads of the learner: all cores while the samplers wait for it, one core in four otherwise."""
    return cores if alternate else max(1, cores // 4)
