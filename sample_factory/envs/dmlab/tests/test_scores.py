"""Means first, then normalisation, then the cap."""

from __future__ import annotations

import pytest

from sample_factory.envs.dmlab.levels import LEVELS
from sample_factory.envs.dmlab.scores import (
    TARGET_OBJECTIVE,
    DmlabScores,
    level_scores,
    mean_score,
    normalized,
    statistics_names,
)


def returns_of(value) -> dict[str, list[float]]:
    return {level.name: [value(level)] for level in LEVELS}


def test_people_score_100_and_chance_0():
    for value, expected in ((lambda level: level.human, 100.0), (lambda level: level.random, 0.0)):
        scores = level_scores(returns_of(value))
        assert list(scores.values()) == pytest.approx([expected] * 30)
        assert mean_score(scores, capped=True) == mean_score(scores, capped=False) == pytest.approx(expected)


def test_episodes_are_averaged_before_the_cap():
    returns = returns_of(lambda level: level.human)
    returns["rooms_watermaze"] = [0.0, 2 * 54.0]
    assert mean_score(level_scores(returns), capped=True) == pytest.approx(100.0)


def test_only_what_is_above_100_is_cut_off():
    returns = returns_of(lambda level: level.human)
    returns["rooms_watermaze"] = [54.0 + (54.0 - 4.065)]  # 200
    returns["natlab_fixed_large_map"] = [2.173 - (36.9 - 2.173)]  # -100
    scores = level_scores(returns)
    assert mean_score(scores, capped=False) == pytest.approx((28 * 100 + 200 - 100) / 30)
    assert mean_score(scores, capped=True) == pytest.approx((28 * 100 + 100 - 100) / 30)


def test_published_returns_of_impala_give_its_published_scores():
    # Returns and percentages of some levels as IMPALA's paper has them.
    levels = {level.test_name: level for level in LEVELS}
    for name, value, percent in (
        ("rooms_collect_good_objects_test", 5.8, 57.7),
        ("language_select_located_object", 301.7, 107.5),
        ("lasertag_three_opponents_small", 11.3, 61.4),
    ):
        assert normalized(levels[name], value) == pytest.approx(percent, abs=0.05)


def test_names_of_test_levels_count_for_the_level():
    returns = returns_of(lambda level: level.human)
    returns["rooms_collect_good_objects_test"] = returns.pop("rooms_collect_good_objects_train")
    assert level_scores(returns)["rooms_collect_good_objects_train"] == pytest.approx(100.0)


def test_a_level_without_episodes_is_named():
    returns = returns_of(lambda level: level.human)
    returns["rooms_watermaze"] = []
    with pytest.raises(ValueError, match="no episode of rooms_watermaze"):
        level_scores(returns)


def test_a_run_has_new_scores_when_every_level_has_had_an_episode():
    scores = DmlabScores()
    for task, level in enumerate(LEVELS[:-1]):
        for _ in range(1 + task):  # fast levels do not count for more
            assert scores.observe({statistics_names(task, level.name)[0]: level.human}) == {}
    last = LEVELS[-1]
    found = scores.observe({statistics_names(29, last.name)[0]: last.random, "reward": 3.0})
    assert found[TARGET_OBJECTIVE] == found["_dmlab/000_capped_mean_human_norm_score"] == pytest.approx(29 / 30 * 100)
    assert found["_dmlab/29_explore_object_rewards_many_human_norm_score"] == pytest.approx(0.0)
    assert found["_dmlab/capped_00_rooms_collect_good_objects_train_human_norm_score"] == pytest.approx(100.0)
    assert len(found) == 3 + 2 * 30
    assert scores.observe({statistics_names(0, LEVELS[0].name)[0]: 1.0}) == {}  # begins anew


def test_forgotten_episodes_do_not_count():
    scores = DmlabScores()
    for task, level in enumerate(LEVELS[:-1]):
        scores.observe({statistics_names(task, level.name)[0]: level.human})
    scores.clear()
    assert scores.observe({statistics_names(29, LEVELS[-1].name)[0]: 1.0}) == {}
