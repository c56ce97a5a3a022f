"""The layout of a run: enough blocks for the learner whatever the options, and cores shared fairly."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sample_factory.algorithms.appo.plan import Machine, Plan, Workers, make_plan
from sample_factory.config.learning import LearningConfig
from sample_factory.config.sampling import SamplingConfig

LAPTOP = Machine(tuple(range(8)), "cpu", False)
SMALL_BOX = Machine((0, 1), "cpu", True)
WORKSTATION = Machine(tuple(range(20)), "cuda", True)


def plan_of(
    machine: Machine = LAPTOP, agents: int = 1, worth: bool = True, weights: int = 10**6, **options: object
) -> Plan:
    names = {item.name for item in dataclasses.fields(SamplingConfig)}
    sampling = SamplingConfig(**{"num_workers": 4, **{k: v for k, v in options.items() if k in names}})  # type: ignore[arg-type]
    assert sampling.num_workers != "auto" and sampling.num_envs_per_worker != "auto"
    return make_plan(
        sampling,
        Workers(sampling.num_workers, sampling.num_envs_per_worker),
        LearningConfig(**{k: v for k, v in options.items() if k not in names}),  # type: ignore[arg-type]
        machine,
        agents,
        worth,
        weights,
    )


def test_inference_goes_where_the_device_is():
    assert plan_of(LAPTOP).inline and not plan_of(WORKSTATION).inline
    assert not plan_of(LAPTOP, inference="policy_workers").inline and plan_of(WORKSTATION, inference="inline").inline


def test_only_policy_workers_need_splits():
    options = {"num_envs_per_worker": 12, "worker_num_splits": 3}
    inline = plan_of(LAPTOP, **options)
    assert (inline.groups_per_worker, inline.envs_per_group, inline.rows) == (1, 12, 12)
    split = plan_of(WORKSTATION, agents=2, **options)
    assert (split.groups_per_worker, split.envs_per_group, split.rows) == (3, 4, 8)


def test_sampling_and_learning_take_turns_on_few_cores_or_when_asked():
    assert plan_of(SMALL_BOX).alternate and not plan_of(LAPTOP).alternate and not plan_of(WORKSTATION).alternate
    assert plan_of(WORKSTATION, num_minibatches_to_accumulate=0).alternate
    assert not plan_of(SMALL_BOX, num_minibatches_to_accumulate=2).alternate


def test_nobody_waits_for_a_learner_that_leaves_them_their_cores():
    small, large = {"num_workers": 1, "weights": 5_000}, {"num_workers": 1, "weights": 10**6}
    assert plan_of(SMALL_BOX, **small).release_early
    assert not plan_of(SMALL_BOX, **large).release_early  # whose updates take both cores
    assert not plan_of(SMALL_BOX, **{**small, "num_workers": 2}).release_early
    assert not plan_of(SMALL_BOX, **small, num_minibatches_to_accumulate=0).release_early  # taking turns was asked for
    assert plan_of(LAPTOP, **large).release_early


def test_the_learner_has_all_cores_when_nobody_else_works():
    assert plan_of(SMALL_BOX).learner_threads == 2
    assert plan_of(LAPTOP).learner_threads == 2
    assert plan_of(LAPTOP, learner_main_loop_num_cores=5).learner_threads == 5


def test_one_thread_computes_where_more_would_not_help_or_not_repeat():
    assert plan_of(WORKSTATION).learner_threads == 1
    sampling, learning = SamplingConfig(), LearningConfig(learner_main_loop_num_cores=4)
    assert make_plan(sampling, Workers(2, 2), learning, LAPTOP, 1, False, 10**6, serial=True).learner_threads == 1


def test_precision_follows_the_machine_unless_it_is_given():
    assert plan_of(SMALL_BOX).bfloat16
    assert not plan_of(SMALL_BOX, worth=False).bfloat16 and not plan_of(LAPTOP).bfloat16
    assert plan_of(LAPTOP, precision="bfloat16").bfloat16 and not plan_of(SMALL_BOX, precision="float32").bfloat16


def test_workers_are_pinned_only_if_asked():
    assert plan_of(num_workers=3).worker_cores == ((0, 1), (2, 3), (4, 5))
    assert plan_of(set_workers_cpu_affinity=False).worker_cores == ()


@pytest.mark.parametrize("epochs", [1, 4])
def test_an_iteration_is_whole_trajectories(epochs):
    assert plan_of(batch_size=512, num_batches_per_iteration=3, rollout=32, ppo_epochs=epochs).iteration_rows == 48


@settings(max_examples=150, deadline=None)
@given(
    machine=st.sampled_from([LAPTOP, SMALL_BOX, WORKSTATION]),
    agents=st.integers(1, 3),
    num_workers=st.integers(1, 7),
    splits=st.integers(1, 3),
    envs_per_split=st.integers(1, 5),
    trajectories=st.integers(1, 40),
    batches=st.integers(1, 3),
    backlog=st.integers(-1, 3),
    inference=st.sampled_from(["inline", "policy_workers", "auto"]),
    order=st.randoms(use_true_random=False),
)
def test_the_learner_can_always_complete_an_iteration(
    machine, agents, num_workers, splits, envs_per_split, trajectories, batches, backlog, inference, order
):
    plan = plan_of(
        machine,
        agents,
        num_workers=num_workers,
        worker_num_splits=splits,
        num_envs_per_worker=splits * envs_per_split,
        rollout=8,
        batch_size=8 * trajectories,
        num_batches_per_iteration=batches,
        num_minibatches_to_accumulate=backlog,
        inference=inference,
    )
    simulate(plan, order, iterations=6)


def simulate(plan: Plan, order, iterations: int) -> None:
    """Groups fill blocks in random order, the learner takes rows; fails if nobody can do anything.

    A block that is half used stays with the learner, one that is used up comes back at once or after the update.
    """
    groups = plan.num_workers * plan.groups_per_worker
    free = [plan.blocks_per_group] * groups
    ready: list[int] = []
    held: list[int] = []
    group, left = -1, 0  # the block being copied
    for _ in range(iterations):
        filled = 0
        while filled < plan.iteration_rows:
            if left == 0 and not ready:
                able = [index for index in range(groups) if free[index]]
                assert able, f"{filled} of {plan.iteration_rows} rows, and no free block: {plan}"
                for index in order.sample(able, order.randint(1, len(able))):
                    free[index] -= 1
                    ready.append(index)
                continue
            if left == 0:
                group, left = ready.pop(0), plan.rows
            taken = min(left, plan.iteration_rows - filled)
            filled, left = filled + taken, left - taken
            if left == 0 and plan.release_early:
                free[group] += 1
            elif left == 0:
                held.append(group)
        for index in held:
            free[index] += 1
        held.clear()
