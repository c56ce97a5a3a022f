"""Options reach the components that they are about."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from sample_factory.algorithms.appo.components import components
from sample_factory.algorithms.appo.tests.pipeline import config_of
from sample_factory.algorithms.appo.training import look
from sample_factory.algorithms.appo.wiring import Wiring, wire
from sample_factory.envs import registry


def wiring_of(folder, alternate: bool = False, **options: Any) -> Wiring:
    config = config_of(folder, env="case_discrete", serial_mode=False, **options)
    facts, plan, policy = look(config, {}, [])
    return wire(config, folder, dataclasses.replace(plan, alternate=alternate), facts, policy, 1, {})


def test_environments_start_at_different_points_of_their_episodes(tmp_path):
    for options, steps in (
        ({"decorrelate_envs_on_one_worker": True}, 4 * 16),
        ({"decorrelate_envs_on_one_worker": False}, 0),
        ({"decorrelate_envs_on_one_worker": True, "benchmark": True}, 0),
    ):
        assert wiring_of(tmp_path, **options).rollout_setup(1).warm_up_steps == steps


@pytest.mark.parametrize(("alternate", "benchmark", "seconds"), [(False, False, 7), (True, False, 0), (False, True, 0)])
def test_workers_are_staggered_only_while_others_can_go_on(tmp_path, alternate, benchmark, seconds):
    wiring = wiring_of(tmp_path, alternate, decorrelate_experience_max_seconds=7, benchmark=benchmark)
    assert wiring.rollout_setup(1).stagger_sec == seconds


def test_it_is_known_where_environments_are_different_tasks(tmp_path):
    wiring, family = wiring_of(tmp_path), registry.resolve("case_discrete")
    for many_tasks in (True, False):
        registry.register_env(family.prefix, family.make, family.options, family.defaults, many_tasks)
        assert wiring.rollout_setup(1).are_tasks is many_tasks
    assert registry.resolve("dmlab_30").many_tasks


def test_environments_are_limited_to_one_thread_if_asked(tmp_path):
    for is_limited in (True, False):
        wiring = wiring_of(tmp_path, force_envs_single_thread=is_limited)
        parts = {part.name: part for part in components(wiring)[0]}
        assert ("OMP_NUM_THREADS" in parts["rollout worker 0"].settings.environment) == is_limited
        assert "OMP_NUM_THREADS" not in parts["learner 0"].settings.environment
        assert wiring.rollout_setup(1).envs_single_thread == is_limited


def test_rollout_workers_see_only_the_gpus_given_to_them(tmp_path):
    def visible(**options: Any) -> list[str]:
        parts = components(wiring_of(tmp_path, num_workers=3, **options))[0]
        workers = [part for part in parts if part.name.startswith("rollout worker")]
        return [part.settings.environment["CUDA_VISIBLE_DEVICES"] for part in workers]

    assert visible() == ["", "", ""]
    assert visible(actor_worker_gpus="2") == ["2", "2", "2"]


def test_policy_workers_share_all_groups(tmp_path):
    wiring = wiring_of(tmp_path, inference="policy_workers", policy_workers_per_policy=3)
    groups = [group for index in range(3) for group in wiring.groups_of_policy_worker(index).tolist()]
    assert sorted(groups) == list(range(wiring.schema.num_groups))
    assert wiring.num_policy_workers == 3


@pytest.mark.parametrize(
    ("options", "interval"),
    [({}, 16), ({"with_vtrace": False, "recurrence": 4}, 4), ({"recurrence": 4}, 16)],
)
def test_recurrent_state_is_kept_where_backpropagation_starts(tmp_path, options, interval):
    assert wiring_of(tmp_path, **options).schema.state_interval == interval
