"""Curves against numbers worked out by hand, and what must hold for all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.runner.results.curves import Curve, make_curve, mean_between, mean_curve, on_grid


def curve(*points: tuple[int, float]) -> Curve:
    frames, values = zip(*points, strict=True)
    return Curve(np.array(frames), np.array(values, dtype=float))


def test_grid_is_between_the_points_and_empty_outside():
    values = on_grid(curve((10, 1.0), (20, 3.0)), np.array([0, 10, 15, 20, 21]))
    assert values == pytest.approx([np.nan, 1, 2, 3, np.nan], nan_ok=True)


def test_mean_is_the_area_divided_by_the_width():
    # From 0 to 4 over 10 frames, then 4 for 10 frames: (20 + 40) / 20.
    assert mean_between(curve((0, 0.0), (10, 4.0), (20, 4.0)), 0, 20) == pytest.approx(3.0)
    # The same points closer together where the curve is flat: the mean of the points would be another.
    assert mean_between(curve((0, 0.0), (10, 4.0), (12, 4.0), (14, 4.0), (20, 4.0)), 0, 20) == pytest.approx(3.0)


def test_mean_of_a_part_of_a_line():
    assert mean_between(curve((0, 0.0), (100, 100.0)), 90, 100) == pytest.approx(95)


def test_curve_goes_on_as_it_ends():
    assert mean_between(curve((10, 2.0), (20, 4.0)), 0, 40) == pytest.approx((10 * 2 + 10 * 3 + 20 * 4) / 40)


@given(
    st.lists(st.floats(-100, 100), min_size=2, max_size=20), st.floats(0, 0.9), st.floats(0.01, 0.1), st.floats(-5, 5)
)
def test_mean_lies_within_the_values_and_is_linear(values, begin, width, factor):
    one = Curve(np.arange(len(values)) * 10, np.array(values))
    span = one.last_frame
    mean = mean_between(one, begin * span, (begin + width) * span)
    assert min(values) - 1e-9 <= mean <= max(values) + 1e-9
    scaled = Curve(one.frames, factor * one.values + 1)
    assert mean_between(scaled, begin * span, (begin + width) * span) == pytest.approx(factor * mean + 1, abs=1e-6)


def test_mean_of_curves_is_where_all_are():
    found = mean_curve([curve((0, 0.0), (10, 10.0), (30, 10.0)), curve((5, 1.0), (20, 1.0))])
    assert found is not None
    assert found.frames.tolist() == [5, 10, 20]
    assert found.values == pytest.approx([3.0, 5.5, 5.5])


def test_curves_without_a_common_frame_have_no_mean():
    assert mean_curve([curve((0, 0.0), (5, 1.0)), curve((10, 0.0))]) is None


def test_values_that_are_no_numbers_are_left_out():
    found = make_curve(np.array([1, 2, 3]), np.array([1.0, np.nan, np.inf], dtype=np.float32))
    assert found is not None
    assert found.frames.tolist() == [1]
    assert make_curve(np.array([1]), np.array([np.nan])) is None
