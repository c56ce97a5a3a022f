"""Means first, then normalisation, then the cap."""

from __future__ import annotations

import pytest

from sample_factory.envs.dmlab.levels import LEVELS
from sample_factory.envs.dmlab.scores import (
    TARGET_OBJECTIVE,
    DmlabScores,
    level_scores,
    mean_score,
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


# fmt: off
# Mean returns of the levels in their order, from the appendix of IMPALA's paper (its table of all 30 levels). Of the
# four of lasertag it calls the small ones large and the large ones small: its scores of people and chance tell so.
_IMPALA = (
    5.8, 11.0, 26.1, 31.1, 24.3, 593.1, 301.7, 66.8, 264.0, 0.3, 4.1, 2.5, 11.3, 12.2, 15.9,
    29.0, 30.0, 53.6, 14.3, 29.9, 0.0, 0.0, 62.6, 51.1, 188.8, 71.0, 252.5, 125.3, 43.2, 62.6,
)
_EXPERTS = (
    9.0, 15.6, 7.3, 26.9, 28.0, 324.6, 189.0, -49.9, 219.4, -0.2, -0.1, -0.1, 19.1, 34.7, 20.7,
    36.1, 13.6, 45.1, 16.4, 29.9, 0.0, 0.0, 57.8, 37.0, 135.2, 39.5, 209.4, 83.1, 39.8, 58.7,
)
# fmt: on


@pytest.mark.parametrize(("returns", "published"), [(_IMPALA, 49.4), (_EXPERTS, 44.5)], ids=["IMPALA", "experts"])
def test_published_returns_of_all_levels_give_the_published_mean(returns: tuple[float, ...], published: float):
    # The means of the paper's table 3: one agent for all levels with a population, and an expert for each.
    scores = level_scores({level.test_name: [value] for level, value in zip(LEVELS, returns, strict=True)})
    # Each return is rounded to 0.1, which is 1 % of a score where a person gets 10.
    assert mean_score(scores, capped=True) == pytest.approx(published, abs=0.1)


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
