"""Statistics against numbers worked out by hand, and what must hold for all runs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.runner.results.statistics import (
    band,
    bootstrap,
    interquartile_mean,
    interval,
    mean,
    performance_profile,
)

RUNS = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12).map(np.array)


def test_interquartile_mean_of_eight_is_that_of_the_four_in_the_middle():
    assert interquartile_mean([np.array([100.0, 1, 2, 3, 4, 5, 6, -50])]) == pytest.approx((2 + 3 + 4 + 5) / 4)


def test_interquartile_mean_takes_the_runs_of_all_environments_together():
    assert interquartile_mean([np.array([0.0, 10]), np.array([1.0, 2])]) == pytest.approx(1.5)


@pytest.mark.parametrize(("count", "left"), [(1, 1), (3, 3), (4, 2), (5, 3), (10, 6)])
def test_a_quarter_rounded_down_is_taken_from_each_side(count, left):
    runs = np.arange(count, dtype=float)
    cut = (count - left) // 2
    assert interquartile_mean([runs]) == pytest.approx(runs[cut : count - cut].mean())


def test_mean_gives_every_environment_the_same_weight():
    assert mean([np.array([0.0]), np.array([4.0, 6.0, 8.0])]) == pytest.approx(3.0)


def test_interval_of_two_runs_is_worked_out_by_hand():
    # Four equally likely resamples of (0, 1): means 0, 1/2, 1/2, 1.
    assert interval([np.array([0.0, 1.0])], mean, 4000) == (0.0, 1.0)


def test_interval_is_that_of_all_resamples_of_three_runs():
    runs = np.array([0.0, 1.0, 5.0])
    every = [np.mean(drawn) for drawn in itertools.product(runs, repeat=3)]
    low, high = np.quantile(every, [0.025, 0.975], method="inverted_cdf")
    found = interval([runs], mean, 100_000)
    assert found is not None
    assert found.low == pytest.approx(low)
    assert found.high == pytest.approx(high)


def test_one_run_has_no_interval():
    assert interval([np.array([1.0])], mean, 100) is None
    assert interval([np.array([1.0]), np.array([2.0])], mean, 100) is None


def test_every_environment_keeps_its_number_of_runs():
    # Were all runs drawn together, the mean of the environments would vary.
    found = interval([np.array([1.0, 1.0, 1.0]), np.array([9.0, 9.0])], mean, 100)
    assert found == (5.0, 5.0)


@given(RUNS, st.floats(-10, 10), st.floats(0.1, 10))
def test_intervals_move_and_stretch_with_the_runs(runs, shift, factor):
    for statistic in (mean, interquartile_mean):
        found, moved = interval([runs], statistic, 100), interval([runs * factor + shift], statistic, 100)
        assert found is not None
        assert moved is not None
        assert moved == pytest.approx((found.low * factor + shift, found.high * factor + shift), abs=1e-6)
        assert runs.min() - 1e-9 <= found.low <= found.high <= runs.max() + 1e-9


@given(RUNS)
def test_order_of_runs_does_not_matter_to_scores(runs):
    for statistic in (mean, interquartile_mean):
        assert statistic([runs[::-1]]) == pytest.approx(statistic([runs]), abs=1e-6)


def test_profile_is_the_mean_share_above_each_threshold():
    found = performance_profile([np.array([0.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])], np.array([-1.0, 0, 1, 5]))
    assert found == pytest.approx([1.0, (0.5 + 1) / 2, (0 + 0.75) / 2, 0])


@given(RUNS, RUNS)
def test_profile_falls_from_one_to_zero(first, second):
    strata = [first, second]
    found = performance_profile(strata, np.linspace(-1001, 1001, 50))
    assert found[0] == 1
    assert found[-1] == 0
    assert (np.diff(found) <= 1e-12).all()


def test_limits_of_a_profile_are_around_it():
    thresholds = np.linspace(-1, 5, 13)
    strata = [np.array([0.0, 1, 2, 3, 4])]

    def profile(drawn):
        return performance_profile(drawn, thresholds)

    limits = bootstrap(strata, profile, 500)
    assert limits is not None
    assert (limits[0] <= profile(strata) + 1e-12).all()
    assert (limits[1] >= profile(strata) - 1e-12).all()


def test_band_is_the_mean_of_those_that_have_got_so_far():
    found = band(np.array([[0.0, 2.0, np.nan, np.nan], [2.0, 4.0, 6.0, np.nan]]), 2000)
    assert found.mean == pytest.approx([1, 3, 6, np.nan], nan_ok=True)
    assert found.num_runs.tolist() == [2, 2, 1, 0]
    assert found.low == pytest.approx([0, 2, np.nan, np.nan], nan_ok=True)
    assert found.high == pytest.approx([2, 4, np.nan, np.nan], nan_ok=True)


def test_band_has_the_interval_of_the_mean():
    runs = np.array([0.0, 1.0, 5.0, 2.0])
    found = band(runs[:, None], 20_000)
    expected = interval([runs], mean, 20_000)
    assert (found.low[0], found.high[0]) == pytest.approx(expected, abs=0.05)


def test_band_of_nothing_is_empty():
    assert np.isnan(band(np.empty((0, 3)), 10).mean).all()
