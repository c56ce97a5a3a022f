"""The best stay, the worst learn from them, and chance is in between."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.algorithms.appo.mutation import mutate, mutate_reward_shaping, tuned_values
from sample_factory.algorithms.appo.selection import Verdict, is_clearly_better, judge, num_updates_due
from sample_factory.config.learning import LearningConfig
from sample_factory.config.population import PbtConfig

ALWAYS = PbtConfig(pbt_mutation_rate=1.0)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("shift", [0.0, -1000.0])
def test_the_best_stay_the_worst_copy_one_of_them_and_the_rest_mutate(shift):
    options = PbtConfig(pbt_replace_fraction=0.3, pbt_replace_reward_gap=0.01)
    objectives = [shift + value for value in (5.0, 400.0, 300.0, 6.0, 200.0, 100.0)]
    verdicts = [judge(policy, objectives, options, rng()) for policy in range(6)]
    assert verdicts[1] == verdicts[2] == Verdict(None, mutates=False)
    assert verdicts[4] == verdicts[5] == Verdict(None, mutates=True)
    assert verdicts[3].source in (1, 2) and verdicts[3].mutates
    assert verdicts[0].source in (1, 2) and not verdicts[0].mutates  # keeps the hyper-parameters of the command line
    assert {judge(3, objectives, options, rng(seed)).source for seed in range(30)} == {1, 2}


@pytest.mark.parametrize(
    ("better", "other", "expected"),
    [
        (100.0, 80.0, True),
        (100.0, 95.0, False),
        (-80.0, -100.0, True),
        (-100.0, -105.0, False),
        (0.0, -1.0, True),
        (1.0, 0.0, True),
        (80.0, 100.0, False),
        (-100.0, -10.0, False),
        (1e-7, 0.0, False),
    ],
)
def test_a_copy_needs_a_clear_gap_in_the_right_direction(better, other, expected):
    assert is_clearly_better(better, other, PbtConfig()) is expected


def test_nobody_copies_itself_or_somebody_worse():
    options = PbtConfig(pbt_replace_fraction=1.0)
    for seed in range(20):
        for policy in range(3):
            assert judge(policy, [1.0, 2.0, 3.0], options, rng(seed)).source is None


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8), st.floats(0, 1), st.integers(0, 99))
def test_a_source_is_always_better_and_never_copies_at_the_same_time(objectives, fraction, seed):
    options = PbtConfig(pbt_replace_fraction=fraction)
    verdicts = [judge(policy, objectives, options, rng(seed)) for policy in range(len(objectives))]
    for policy, verdict in enumerate(verdicts):
        if verdict.source is not None:
            assert objectives[verdict.source] > objectives[policy]
            assert verdicts[verdict.source].source is None


def test_updates_come_after_a_start_and_then_every_period():
    options = PbtConfig(pbt_start_mutation=100, pbt_period_env_steps=30)
    assert [num_updates_due(frames, options) for frames in (0, 99, 100, 129, 130, 400)] == [0, 0, 1, 1, 2, 11]


def test_values_move_by_the_factors_of_the_options_in_both_directions():
    first = tuned_values(LearningConfig(), ALWAYS)
    ratios = np.array(
        [[mutate(first, first, ALWAYS, 32, rng(seed))[name] / first[name] for name in first] for seed in range(400)]
    )
    factors = np.maximum(ratios, 1 / ratios)
    assert (factors >= 1.05 - 1e-9).all() and (factors <= 1.5 + 1e-9).all() and factors.max() > 1.45
    assert 0.4 < (ratios > 1).mean() < 0.6


def test_only_the_share_that_is_asked_for_changes():
    options = PbtConfig(pbt_mutation_rate=0.15)
    first = tuned_values(LearningConfig(), options)
    changed = [
        mutate(first, first, options, 32, rng(seed))[name] != first[name] for seed in range(400) for name in first
    ]
    assert 0.12 < np.mean(changed) < 0.18
    never = PbtConfig(pbt_mutation_rate=0)
    assert mutate(first, first, never, 32, rng()) == first


def test_what_has_changed_sometimes_goes_back_to_the_default():
    first = tuned_values(LearningConfig(), ALWAYS)
    moved = {name: 2 * value for name, value in first.items()} | {"ppo_clip_ratio": 0.2}
    back = [
        mutate(moved, first, ALWAYS, 32, rng(seed))["learning_rate"] == first["learning_rate"] for seed in range(1000)
    ]
    assert 0.02 < np.mean(back) < 0.09


@given(st.integers(0, 10_000))
def test_mutated_options_stay_possible_however_often_they_change(seed):
    options = PbtConfig(pbt_mutation_rate=1.0, pbt_optimize_batch_size=True, pbt_optimize_gamma=True)
    first = tuned_values(LearningConfig(), options)
    assert {"batch_size", "gamma"} <= first.keys()
    chance, values = rng(seed), first
    for _ in range(60):
        values = mutate(values, first, options, 32, chance)
        LearningConfig(**values)  # type: ignore[arg-type]
        assert values["batch_size"] % 32 == 0 and 32 <= values["batch_size"] <= 1.5 * first["batch_size"]


def test_rewards_change_one_by_one_and_keep_their_signs():
    table = {"delta": {"HEALTH": {"gain": 0.5, "loss": -0.25}}, "goal": 0.0}
    mutated = mutate_reward_shaping(table, table, ALWAYS, rng())
    assert mutated["goal"] == 0 and mutated["delta"]["HEALTH"]["gain"] > 0 > mutated["delta"]["HEALTH"]["loss"]
    assert mutated != table and table["delta"]["HEALTH"]["gain"] == 0.5  # type: ignore[index]
