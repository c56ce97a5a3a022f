"""What a search draws, always the same, and what a run script cannot say. Starts nothing."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest

from sample_factory.runner.run_description import Experiment, ParamGrid
from sample_factory.runner.search import (
    HalvingExperiment,
    ParamSearch,
    Range,
    Rungs,
    log_uniform,
    log_whole,
    uniform,
    whole,
)

pytest.importorskip("optuna", reason="needs Optuna: pip install 'sample-factory[search]'")

SPACE: list[tuple[str, Any]] = [("rate", log_uniform(1e-5, 1e-2)), ("size", [16, None, "x"]), ("epochs", whole(1, 8))]


def test_the_same_seed_means_the_same_trials_in_every_process() -> None:
    # Names of experiments have these values, and a search that goes on finds what it has done by their names.
    assert ParamSearch(SPACE, trials=4).generate_params() == [
        {"rate": 0.000443, "size": "x", "epochs": 5},
        {"rate": 0.0004312, "size": None, "epochs": 6},
        {"rate": 0.0002055, "size": "x", "epochs": 8},
        {"rate": 0.0001414, "size": "x", "epochs": 5},
    ]


def test_another_seed_means_other_trials() -> None:
    assert ParamSearch(SPACE, trials=4, seed=1).generate_params() != ParamSearch(SPACE, trials=4).generate_params()


def test_more_trials_are_the_same_ones_and_then_others() -> None:
    few, many = (ParamSearch(SPACE, trials=trials).generate_params() for trials in (5, 20))
    assert many[:5] == few and len({repr(one) for one in many}) == 20


def test_each_trial_is_run_with_each_seed_and_these_are_neighbours() -> None:
    plain = ParamSearch(SPACE, trials=3).generate_params()
    found = ParamSearch(SPACE, trials=3, seeds=[7, 8]).generate_params()
    assert found == [{**one, "seed": seed} for one in plain for seed in (7, 8)]
    assert HalvingExperiment("x", "run", found, first_frames=1, num_rungs=1).trials() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (uniform(-1, 3), 1.0),
        (log_uniform(1e-6, 1e-2), 1e-4),
        (whole(0, 1000), 500),
        (log_whole(1, 10**8), 10**4),
        (list(range(1001)), 500),
    ],
)
def test_draws_are_within_their_range_and_half_of_them_below_its_middle(
    values: Range | list[int], expected: float
) -> None:
    drawn = [one["a"] for one in ParamSearch([("a", values)], trials=300).generate_params()]
    below = sum(value < expected for value in drawn)
    assert 110 < below < 190
    low, high = (values.low, values.high) if isinstance(values, Range) else (0, 1000)
    assert all(low <= value <= high for value in drawn)
    assert isinstance(values, list) or all(isinstance(value, int) == values.is_whole for value in drawn)


def test_numbers_are_short_and_different_even_in_a_narrow_range() -> None:
    drawn = [one["a"] for one in ParamSearch([("a", uniform(0.9999, 0.99999))], trials=50).generate_params()]
    assert len(set(drawn)) == 50 and max(len(str(value)) for value in drawn) <= len("0.99991234")
    [one] = ParamSearch([("a", uniform(0.5, 0.5))], trials=1).generate_params()
    assert one == {"a": 0.5}


def test_a_search_is_a_generator_of_parameters_like_any_other() -> None:
    experiment = Experiment("x", "run", ParamSearch(SPACE, trials=2).generate_params())
    assert [name for _, name in experiment.generate_experiments()] == [
        "00_x_rat_0.000443_siz_x_epo_5",
        "01_x_rat_0.0004312_siz_None_epo_6",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ParamSearch([("a", [])], trials=1), "'a' has no values"),
        (lambda: ParamSearch(SPACE, trials=0), "trials=0 must be at least 1"),
        (lambda: ParamSearch([("a", [1, 2, 3])], trials=4), "no more than 3 combinations turn up, not trials=4"),
        (lambda: uniform(2, 1), "from 2.0 to 1.0 must have low <= high"),
        (lambda: log_uniform(0, 1), "must have 0 < low <= high"),
        (lambda: uniform(0, math.nan), "must have low <= high"),
        (lambda: HalvingExperiment("x", "run", [], first_frames=1, num_rungs=0), "num_rungs=0 must be at least 1"),
        (lambda: HalvingExperiment("x", "run", [], first_frames=0, num_rungs=1), "first_frames=0 must be at least 1"),
        (
            lambda: HalvingExperiment("x", "run", [], first_frames=1, num_rungs=1, reduction_factor=1),
            "must be at least 2",
        ),
        (
            lambda: HalvingExperiment(
                "x", "run", ParamGrid([("env", ["a", "b"])]).generate_params(), first_frames=1, num_rungs=1
            ),
            "'x' has several environments, whose rewards say nothing about each other",
        ),
    ],
)
def test_mistakes_are_found_before_anything_starts(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    for make in (
        lambda: ParamSearch(SPACE, trials=1),
        lambda: HalvingExperiment("x", "run", [], first_frames=1, num_rungs=1),
    ):
        with pytest.raises(ValueError, match=r"needs the package 'optuna': pip install 'sample-factory\[search\]'"):
            make()


def test_trials_are_combinations_that_differ_in_more_than_the_seed() -> None:
    grid = ParamGrid([("seed", [1, 2]), ("a", [1, 1.5])]).generate_params(randomize=False)
    assert HalvingExperiment("x", "run", grid, first_frames=1, num_rungs=1).trials() == [[0, 2], [1, 3]]
    assert HalvingExperiment("x", "run", [], first_frames=1, num_rungs=1).trials() == [[0]]


def test_rungs_are_further_apart_each_time() -> None:
    rungs = Rungs(1000, 4, 3)
    assert [rungs.frames(number) for number in range(4)] == [1000, 3000, 9000, 27000]
    assert [rungs.rung(frames) for frames in (1000, 9000, 2000, 1, 81_000)] == [0, 2, None, None, None]
