"""What "auto" chooses: from measured costs, within what learning and memory allow."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.algorithms.appo.plan import Workers
from sample_factory.algorithms.appo.tuning import Costs, EnvCost, choose, choose_workers, group_sizes, measure_envs
from sample_factory.config.learning import LearningConfig
from sample_factory.config.sampling import SamplingConfig
from sample_factory.envs import registry
from sample_factory.sampling.policy import PolicyDescription, PolicyOutput

OPTIONS = SimpleNamespace(reward_shaping="{}")
PLENTY = 1e12
SIZES = [2, 4, 8, 16, 32]


def env_costs(sec: Mapping[int, float], waiting: float = 1.0, size_bytes: float = 1e6) -> dict[int, EnvCost]:
    return {size: EnvCost(cost, waiting, size_bytes) for size, cost in sec.items()}


def test_the_smallest_number_that_costs_hardly_more_than_the_least_is_chosen():
    costs = Costs(env_costs({size: 1.0 for size in SIZES}), {2: 9, 4: 5, 8: 3, 16: 1.05, 32: 1.0})
    choice = choose(costs, SIZES, 1, cores=2, free_bytes=PLENTY)
    assert choice[:2] == (2, 16)
    assert choice.reason is not None and "16: 2.05e+06, 32: 2e+06" in choice.reason


def test_simulators_that_push_each_other_out_of_the_caches_keep_groups_small():
    costs = Costs(env_costs({2: 1, 4: 2, 8: 4, 16: 8, 32: 16}), {2: 2, 4: 1.5, 8: 1.2, 16: 1, 32: 1})
    assert choose(costs, SIZES, 1, cores=2, free_bytes=PLENTY).num_envs_per_worker == 2


def test_groups_that_take_too_long_to_make_are_taken_to_cost_what_the_last_one_did():
    costs = Costs(env_costs({2: 1, 4: 1}), {2: 9, 4: 8, 8: 7, 16: 6, 32: 1})
    assert choose(costs, SIZES, 1, cores=2, free_bytes=PLENTY).num_envs_per_worker == 32


def test_environments_that_wait_get_more_workers_up_to_a_limit():
    def workers(waiting: float) -> int:
        costs = Costs(env_costs({2: 1.0}, waiting), {2: 1.0})
        return choose(costs, [2], 1, cores=4, free_bytes=PLENTY).num_workers

    assert [workers(waiting) for waiting in (1.0, 2.5, 5.2, 1000)] == [4, 4, 20, 32]


def test_a_learner_of_a_small_network_has_a_core_for_itself_where_the_others_sample_as_fast():
    def workers(env_sec: float, cores: int, **options: Any) -> Workers:
        costs = Costs(env_costs({size: env_sec for size in SIZES}), {2: 9, 4: 5, 8: 3, 16: 2, 32: 1.0})
        return choose(costs, SIZES, 1, cores, PLENTY, **{"may_spare": True, "most_envs": 32, **options})

    chosen = workers(0.5, cores=2)
    assert chosen[:2] == (1, 32) and chosen.reason is not None and "a core for itself" in chosen.reason
    assert workers(3.0, cores=2)[:2] == (2, 16)  # sampling takes longer than learning
    assert workers(3.0, cores=4)[:2] == (3, 8)  # but three can keep up
    assert workers(0.5, cores=2, may_spare=False)[:2] == (2, 16)
    assert workers(0.5, cores=2, num_workers=2)[:2] == (2, 16)


def test_memory_is_left_for_others():
    costs = Costs(env_costs({size: 1.0 for size in SIZES}, size_bytes=1e9), {2: 5, 4: 4, 8: 3, 16: 2, 32: 1})
    choice = choose(costs, SIZES, 1, cores=2, free_bytes=40e9)
    assert choice[:2] == (2, 8) and choice.reason is not None and "memory" in choice.reason
    assert choose(costs, SIZES, 1, cores=2, free_bytes=0)[:2] == (2, 2)


def test_workers_that_do_not_act_get_enough_rows_and_no_more():
    costs = Costs(env_costs({size: 1.0 for size in SIZES}), {})
    assert choose(costs, SIZES, 1, cores=2, free_bytes=PLENTY).num_envs_per_worker == 32
    assert choose(costs, SIZES, 4, cores=2, free_bytes=PLENTY).num_envs_per_worker == 8
    assert choose(costs, SIZES[:2], 1, cores=2, free_bytes=PLENTY).num_envs_per_worker == 4


@given(st.floats(0, 1000), st.integers(1, 5))
def test_sizes_can_be_split_and_do_not_exceed_what_learning_allows(most: float, splits: int):
    sizes = group_sizes(most, splits)
    assert all(size % splits == 0 and size % 2 == 0 for size in sizes)
    assert sizes == sorted(sizes) and all(size <= most for size in sizes[1:]) and 2 * sizes[-1] > most


def test_what_is_said_is_not_measured():
    def make_env(num_envs: int) -> None:
        raise AssertionError("made an environment")

    sampling = SamplingConfig(num_workers=3, num_envs_per_worker=4)
    assert choose_workers(sampling, LearningConfig(), 1, {}, make_env, None) == Workers(3, 4)  # type: ignore[arg-type]


class NarrowPolicy:
    """Acts, and takes the more time per row the fewer there are."""

    rows: list[int] = []  # noqa: RUF012

    def load(self, weights: np.ndarray) -> None:
        """Nothing."""

    def act(self, obs: Mapping[str, np.ndarray], state: np.ndarray) -> PolicyOutput:
        self.rows.append(len(state))
        return PolicyOutput(np.zeros((len(state), 1), np.int32), {}, state)


@pytest.mark.parametrize(
    ("options", "workers"), [({"num_workers": 3}, 3), ({"num_workers": "auto", "num_envs_per_worker": 4}, None)]
)
def test_environments_and_policy_are_measured_within_what_one_rollout_may_hold(options, workers):
    made: list[int] = []

    def make_env(num_envs: int):
        made.append(num_envs)
        return registry.make_batched("tmaze_3", OPTIONS, num_envs)

    NarrowPolicy.rows = []
    sampling = SamplingConfig(**{"num_envs_per_worker": "auto", **options})
    policy = PolicyDescription(0, 1, {}, lambda seed: NarrowPolicy())
    with_env = make_env(1)
    choice = choose_workers(sampling, LearningConfig(batch_size=128), 1, with_env.keys, make_env, policy)
    with_env.close()
    expected = [2, 4] if workers else [4]  # 4 minibatches of 4 trajectories for 3 workers
    assert made[1:] == expected and sorted(set(NarrowPolicy.rows)) == expected
    assert choice.num_envs_per_worker in expected and choice.reason
    if workers:
        assert choice.num_workers == workers


def test_time_on_the_core_is_told_from_waiting():
    costs = measure_envs(lambda num_envs: registry.make_batched("tmaze_3", OPTIONS, num_envs), [2])
    assert list(costs) == [2] and 0 < costs[2].cpu_sec < 1 and costs[2].waiting >= 1
