"""The processes of a run as supervised components. Knows no component's work."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from sample_factory.algorithms.appo.model_spec import ModelSpec
from sample_factory.algorithms.appo.mutation import tuned_values
from sample_factory.algorithms.appo.wiring import Wiring, checkpoint_folder
from sample_factory.models import extensions
from sample_factory.sampling.policy_worker import PolicyWorkerSetup, run_policy_worker
from sample_factory.sampling.processes import SINGLE_THREAD, gpu_of_policy, rollout_components, visible_gpus
from sample_factory.system.doorbell import Doorbell
from sample_factory.system.process import ProcessSettings, start_by_name
from sample_factory.system.registrations import only
from sample_factory.system.supervisor import Component

_LEARNER = "sample_factory.algorithms.appo.learner_worker:run_learner_from"


def components(
    wiring: Wiring, cleanup: Callable[[], None] = lambda: None
) -> tuple[list[Component], dict[str, list[int]]]:
    """Every component of the run, and the board slots of each kind; `cleanup` follows a rollout worker's death."""
    num_workers, num_policies = wiring.plan.num_workers, wiring.num_policies
    rollout_bells = [Doorbell() for _ in range(num_workers)]
    learner_bells = [Doorbell() for _ in range(num_policies)]
    policy_bells = [Doorbell() for _ in range(wiring.num_policy_workers)]
    learners = [
        _learner(wiring, policy, policy, learner_bells[policy], rollout_bells) for policy in range(num_policies)
    ]
    policy_workers = [
        _policy_worker(wiring, index, num_policies + index, bell, rollout_bells)
        for index, bell in enumerate(policy_bells)
    ]
    first = num_policies + len(policy_workers)
    setup = wiring.rollout_setup(wiring.seed)
    sampling = wiring.config.sampling
    variables = SINGLE_THREAD if sampling.force_envs_single_thread else {}
    settings = [
        _settings(wiring, _cores(wiring, worker), visible_gpus(sampling.actor_worker_gpus, worker) | variables)
        for worker in range(num_workers)
    ]
    rollout_workers = rollout_components(
        setup,
        first,
        rollout_bells,
        settings,
        [bell.bell for bell in policy_bells],
        [bell.bell for bell in learner_bells],
        cleanup,
    )
    slots = {
        "learner": [component.slot for component in learners],
        "policy worker": [component.slot for component in policy_workers],
        "rollout worker": [component.slot for component in rollout_workers],
    }
    return [*learners, *policy_workers, *rollout_workers], slots


def learner_arguments(wiring: Wiring, policy: int) -> dict[str, Any]:
    """The fields of a `LearnerSetup`, without importing torch here."""
    config, plan, facts = wiring.config, wiring.plan, wiring.facts
    registrations = only(wiring.registrations, *extensions.KINDS)
    return {
        "arena": wiring.arena,
        "schema": wiring.schema,
        "model": ModelSpec(facts.keys, facts.actions, config.model, registrations),
        "learning": config.learning,
        "checkpoint": config.checkpoint,
        "directory": checkpoint_folder(wiring.folder, policy),
        "policy": policy,
        "tuned": tuple(tuned_values(config.learning, config.pbt)),
        "release_early": plan.release_early,
        "device": facts.machine.device,
        "bfloat16": plan.bfloat16,
        "background": config.learning.train_in_background_thread and not plan.alternate,
        "num_slices": plan.learner_threads,
        "seed": wiring.seed + policy,
        "keep_version_every": config.self_play.self_play_save_every,
        "target_frames": config.run.train_for_env_steps,
    }


def _learner(wiring: Wiring, policy: int, slot: int, doorbell: Doorbell, rollout_bells: list[Doorbell]) -> Component:
    return Component(
        name=f"learner {policy}",
        slot=slot,
        target=start_by_name,
        args=(_LEARNER, learner_arguments(wiring, policy), slot, doorbell, [bell.bell for bell in rollout_bells]),
        settings=_settings(wiring, (), _gpu(wiring, policy)),
        bell=doorbell.bell,
        doorbell=doorbell,
    )


def _policy_worker(
    wiring: Wiring, index: int, slot: int, doorbell: Doorbell, rollout_bells: list[Doorbell]
) -> Component:
    per_policy = wiring.config.sampling.policy_workers_per_policy
    policy, place = divmod(index, per_policy)
    setup = PolicyWorkerSetup(
        wiring.arena,
        wiring.schema,
        wiring.policy,
        policy,
        wiring.groups_of_policy_worker(place),
        slot,
        wiring.seed + 1000 + index,
        wiring.plan.policy_worker_threads,
    )
    return Component(
        name=f"policy worker {policy}-{place}",
        slot=slot,
        target=run_policy_worker,
        args=(setup, doorbell, [bell.bell for bell in rollout_bells]),
        settings=_settings(wiring, (), _gpu(wiring, policy)),
        bell=doorbell.bell,
        doorbell=doorbell,
    )


def _gpu(wiring: Wiring, policy: int) -> dict[str, str]:
    return gpu_of_policy(policy, wiring.facts.machine.num_gpus, os.environ.get("CUDA_VISIBLE_DEVICES"))


def _settings(wiring: Wiring, cores: tuple[int, ...], environment: dict[str, str] | None = None) -> ProcessSettings:
    return ProcessSettings(
        cores=cores,
        niceness=wiring.config.sampling.default_niceness,
        environment=environment or {},
        experiment_dir=str(wiring.folder),
    )


def _cores(wiring: Wiring, worker: int) -> tuple[int, ...]:
    return wiring.plan.worker_cores[worker] if wiring.plan.worker_cores else ()
