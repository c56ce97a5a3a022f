"""Scores of settings against numbers worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sample_factory.runner.results.experiments import Experiment, Points
from sample_factory.runner.results.study import Choices, summarize
from sample_factory.runner.results.tests.studies import REWARD, line

FEW = 50


def made(
    *curves: list[tuple[int, float]], tag: str = REWARD, name: str = "", is_done: bool = True, **cfg: Any
) -> Experiment:
    """One policy a curve."""
    policies = []
    for curve in curves:
        frames, values = zip(*curve, strict=True)
        policies.append({tag: Points(np.array(frames), np.array(values, dtype=np.float32))})
    return Experiment(name, Path(name), {"env": "a", "seed": 0} | cfg, is_done, tuple(policies))


def study(experiments: list[Experiment], reference: Any = None, **choices: Any):
    return summarize(experiments, Choices(resamples=FEW, **choices), reference)


def test_final_score_is_the_mean_of_the_last_tenth_and_auc_of_all():
    [env] = study([made(line(100, 100.0), seed=1), made(line(100, 200.0), seed=2)]).envs
    [one] = env.settings
    assert env.horizon == 100
    assert [run.final for run in one.runs] == pytest.approx([95, 190])
    assert [run.auc for run in one.runs] == pytest.approx([50, 100])
    assert one.final.mean == pytest.approx(142.5)
    assert one.final.interval == pytest.approx((95, 190))


def test_settings_are_ranked_by_what_was_asked_for():
    slow = [(0, 0.0), (90, 0.0), (91, 10.0), (100, 10.0)]
    fast = [(0, 8.0), (100, 8.0)]
    experiments = [made(slow, lr=1), made(fast, lr=2)]
    [env] = study(experiments, by="final").envs
    assert [one.setting.values["lr"] for one in env.settings] == [1, 2]
    assert env.best("final").setting.values == {"lr": 1}
    assert env.best("auc").setting.values == {"lr": 2}
    [env] = study(experiments, by="auc").envs
    assert [one.setting.values["lr"] for one in env.settings] == [2, 1]


def test_experiments_are_compared_at_frames_that_all_who_are_done_have_had():
    experiments = [
        made(line(1000, 1000.0), name="long", seed=1),
        made(line(500, 500.0), name="short", seed=2),
        made(line(200, 200.0), name="running", seed=3, is_done=False),
        made(line(480, 480.0), name="almost", seed=4, is_done=False),
    ]
    found = study(experiments)
    [env] = found.envs
    assert env.horizon == 500
    finals = {run.experiment.name: run.final for run in env.settings[0].runs}
    assert finals["long"] == pytest.approx(475)
    assert finals["short"] == pytest.approx(475)
    assert finals["running"] is None
    assert finals["almost"] == pytest.approx((30 * (450 + 480) / 2 + 20 * 480) / 50)
    assert any("running" in note and "500" in note for note in found.notes)


def test_frames_may_be_chosen():
    [env] = study([made(line(100, 100.0))], frames=20).envs
    assert env.settings[0].runs[0].final == pytest.approx(19)


def test_while_all_run_they_are_compared_at_what_all_have():
    experiments = [made(line(30, 30.0), is_done=False), made(line(50, 50.0), is_done=False, seed=1)]
    assert study(experiments).envs[0].horizon == 30


def test_true_reward_counts_where_all_have_it():
    both = Experiment(
        "x", Path("x"), {"env": "a", "seed": 0}, True, ({**made(line(10, 1.0)).policies[0],
        **made(line(10, 5.0), tag="0_aux/avg_true_reward").policies[0]},)
    )  # fmt: skip
    assert study([both]).envs[0].metric == "0_aux/avg_true_reward"
    assert study([both, made(line(10, 1.0), seed=1)]).envs[0].metric == REWARD


def test_unknown_metric_is_a_mistake_that_says_what_there_is():
    with pytest.raises(ValueError, match=r"--metric=x/y is in no experiment; there are 0_aux/avg_reward"):
        study([made(line(10, 1.0))], metric="x/y")


def test_policies_of_an_experiment_count_as_one_run():
    population = made(line(100, 100.0), line(100, 300.0))
    for policy, expected in (("mean", 190.0), ("best", 285.0), (0, 95.0), (1, 285.0)):
        [one] = study([population], policy=policy).envs[0].settings
        assert [run.final for run in one.runs] == pytest.approx([expected])
    [one] = study([population], policy=2).envs[0].settings
    assert one.final is None


def test_experiments_without_an_episode_are_named():
    found = study([made(line(10, 1.0), name="full"), made(name="empty", seed=1)])
    assert found.envs[0].settings[0].runs[1].curve is None
    assert any("empty" in note for note in found.notes)


def test_study_without_any_data_is_no_error():
    found = study([made(name="empty", is_done=False)])
    assert found.envs[0].horizon == 0
    assert found.envs[0].best("final") is None
    assert found.overall == []


def test_scores_over_environments_are_scaled_by_the_study_or_a_reference():
    flat = [[(0, height), (100, height)] for height in (0.0, 10.0, 100.0, 300.0)]
    experiments = [
        made(flat[0], env="a", lr=1), made(flat[1], env="a", lr=2),
        made(flat[2], env="b", lr=1), made(flat[3], env="b", lr=2),
    ]  # fmt: skip
    found = study(experiments)
    assert found.scale == "study"
    assert {one.label: one.mean for one in found.overall} == {"lr=1": 0, "lr=2": 1}
    assert found.overall[0].label == "lr=2"
    found = study(experiments, {"a": (0.0, 20.0), "b": (0.0, 400.0)})
    assert {one.label: one.mean for one in found.overall} == {"lr=1": 0.125, "lr=2": 0.625}
    with pytest.raises(ValueError, match="no scores for b"):
        study(experiments, {"a": (0.0, 20.0)})


def test_only_settings_that_were_judged_everywhere_are_compared_over_environments():
    experiments = [
        made(line(10, 1.0), env="a", lr=1), made(line(10, 2.0), env="a", lr=2), made(line(10, 3.0), env="b", lr=1)
    ]  # fmt: skip
    assert [one.setting.values for one in study(experiments).overall] == [{"lr": 1}]


def test_one_environment_keeps_its_scores():
    found = study([made(line(100, 100.0), lr=1), made(line(100, 200.0), lr=2)])
    assert found.scale == "score"
    assert [one.mean for one in found.overall] == pytest.approx([190, 95])
    best = found.overall[0]
    assert best.profile[0] == 1
    assert best.profile[-1] == 0


def test_reader_is_warned_of_what_makes_numbers_doubtful():
    notes = " ".join(
        study([made(line(10, 1.0), seed=7, git_hash="1"), made(line(10, 2.0), seed=7, git_hash="2")]).notes
    )
    assert "same seed in several experiments: 7" in notes
    assert "different versions of the code" in notes
    assert "fewer than 5 seeds" in notes


def test_same_study_gives_the_same_numbers():
    experiments = [made(line(10, float(i)), seed=i) for i in range(5)]
    first, second = study(experiments).envs[0].settings[0], study(experiments[::-1]).envs[0].settings[0]
    assert first.final.mean == second.final.mean
    assert first.final.interval == pytest.approx(second.final.interval, abs=1.5)
    assert study(experiments).envs[0].settings[0].final == first.final
