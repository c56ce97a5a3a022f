"""The rollout workers of a run as supervised processes. Knows no algorithm, and nobody who takes their blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from sample_factory.envs.failures import GOOD_STEPS, MAX_FAILURES
from sample_factory.sampling.ledger import Ledger
from sample_factory.sampling.rollout_worker import RolloutSetup, run_rollout_worker
from sample_factory.system.doorbell import Bell, Doorbell
from sample_factory.system.process import ProcessSettings
from sample_factory.system.supervisor import Component

# An environment may fail ten times within a thousand steps before its worker gives up: fewer are no progress.
_STEPS_BEFORE_ERROR = MAX_FAILURES * GOOD_STEPS

PRELOAD = ("numpy", "gymnasium", "sample_factory.sampling.rollout_worker")
"""What every rollout worker imports, and nothing else."""

SINGLE_THREAD = {
    name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
}
"""Environment variables for libraries that an environment loads later: they read their number of threads there."""


def rollout_components(
    setup: RolloutSetup,
    first_slot: int,
    doorbells: Sequence[Doorbell],
    settings: Sequence[ProcessSettings],
    policy_bells: Sequence[Bell] = (),
    learner_bells: Sequence[Bell] = (),
    cleanup: Callable[[], None] = lambda: None,
) -> list[Component]:
    """One component for each doorbell; worker i has line `first_slot` + i of the board.

    Args:
        cleanup: called after a death; removes what environments of a killed process left on the machine.
    """
    owned = setup.schema.blocks_per_group * setup.schema.groups_per_worker
    ledger = Ledger(setup.arena)
    return [
        Component(
            name=f"rollout worker {worker}",
            slot=first_slot + worker,
            target=run_rollout_worker,
            args=(setup, worker, first_slot + worker, doorbell, list(policy_bells), list(learner_bells)),
            settings=settings[worker],
            bell=doorbell.bell,
            doorbell=doorbell,
            reclaim=partial(_reclaim, ledger, range(worker * owned, (worker + 1) * owned), cleanup),
            progress_before_error=_STEPS_BEFORE_ERROR,
        )
        for worker, doorbell in enumerate(doorbells)
    ]


def _reclaim(ledger: Ledger, blocks: range, cleanup: Callable[[], None]) -> None:
    """After the death of the rollout worker that owns `blocks`."""
    ledger.reclaim_filling(blocks)
    cleanup()


def gpu_of_policy(policy: int, num_gpus: int, visible: str | None) -> dict[str, str]:
    """Environment variables of a policy's learner and policy workers: GPUs are given out in turn.

    Args:
        num_gpus: that this run can see.
        visible: CUDA_VISIBLE_DEVICES of this process, if it is set.
    """
    if num_gpus <= 1:
        return {}
    names = visible.split(",") if visible else [str(number) for number in range(num_gpus)]
    return {"CUDA_VISIBLE_DEVICES": names[policy % num_gpus]}


def visible_gpus(gpus: Sequence[int], worker: int) -> dict[str, str]:
    """Environment variables of a rollout worker.

    It sees no GPU unless it is given one, so that no environment takes memory there by accident.
    """
    return {"CUDA_VISIBLE_DEVICES": str(gpus[worker % len(gpus)]) if gpus else ""}
