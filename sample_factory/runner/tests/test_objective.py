"""What an experiment had come to at some frames, from folders as training writes them. Trains nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_factory.runner.objective import objective
from sample_factory.runner.results.tests.studies import REWARD, line, write_summaries

TRUE_REWARD = "0_aux/avg_true_reward"


def test_it_is_the_mean_over_the_last_tenth_up_to_these_frames(tmp_path: Path) -> None:
    write_summaries(tmp_path, 0, {REWARD: line(1000, 1000.0)})
    assert objective(tmp_path, 1000) == pytest.approx(950)
    assert objective(tmp_path, 550) == pytest.approx(0.95 * 550)
    assert objective(tmp_path, 1001) is None


def test_what_comes_later_does_not_change_it(tmp_path: Path) -> None:
    write_summaries(tmp_path, 0, {REWARD: line(1000, 1000.0)})
    before = objective(tmp_path, 500)
    write_summaries(tmp_path, 0, {REWARD: [(1100, -1e6), (2000, 1e6)]})
    assert objective(tmp_path, 500) == before


def test_the_true_objective_counts_where_there_is_one_unless_a_summary_is_named(tmp_path: Path) -> None:
    write_summaries(tmp_path, 0, {REWARD: line(10, 1.0), TRUE_REWARD: [(0, 5.0), (10, 5.0)], "x/y": [(10, 3.0)]})
    assert objective(tmp_path, 10) == pytest.approx(5)
    assert objective(tmp_path, 10, REWARD) == pytest.approx(0.95)
    assert objective(tmp_path, 10, "x/y") == pytest.approx(3)
    with pytest.raises(ValueError, match=r"has no summary x/z; there are 0_aux/avg_reward, 0_aux/avg_true_reward, x/y"):
        objective(tmp_path, 10, "x/z")


def test_of_several_policies_it_is_the_mean(tmp_path: Path) -> None:
    write_summaries(tmp_path, 0, {REWARD: [(0, 1.0), (10, 1.0)]})
    write_summaries(tmp_path, 1, {REWARD: [(0, 4.0), (10, 4.0)]})
    assert objective(tmp_path, 10) == pytest.approx(2.5)


def test_before_there_is_anything_it_is_nothing(tmp_path: Path) -> None:
    assert objective(tmp_path / "not there", 1) is None
    write_summaries(tmp_path, 0, {"train/loss": [(100, 1.0)]})
    assert objective(tmp_path, 1) is None
    write_summaries(tmp_path, 0, {REWARD: [(100, float("nan"))]})
    assert objective(tmp_path, 1) is None


def test_summaries_are_not_read_before_the_log_says_that_it_is_worth_it(tmp_path: Path) -> None:
    write_summaries(tmp_path, 0, {REWARD: line(100, 1.0)})
    log = tmp_path / "sf_log.txt"
    log.write_text("Fps is (10 sec: 1.0). Total num frames: 99. Throughput\n")
    assert objective(tmp_path, 100) is None
    assert not (tmp_path / ".results").exists()
    log.write_text("Fps is (10 sec: 1.0). Total num frames: 100. Throughput\n")
    assert objective(tmp_path, 100) is not None
