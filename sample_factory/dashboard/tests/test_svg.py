"""Curves as SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.dashboard.svg import Line, chart, labels, sparkline, thinned, ticks
from sample_factory.runner.results.curves import Curve
from sample_factory.runner.results.experiments import Points

VALUES = st.floats(-(2.0**99), 2.0**99, width=32)


def curve(*values: float) -> Curve:
    return Curve(np.arange(len(values)) * 1000, np.array(values, dtype=float))


def places(picture: str) -> list[tuple[float, float]]:
    (line,) = ElementTree.fromstring(picture).findall("polyline")
    return [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]


def test_larger_values_are_higher_and_later_ones_further_right():
    (x0, y0), (x1, y1), (x2, y2) = places(sparkline([curve(1.0, 5.0, 3.0)]))
    assert x0 < x1 < x2
    assert y1 < y2 < y0


@given(st.lists(VALUES, min_size=1, max_size=20))
def test_everything_is_inside_the_picture(values):
    picture = chart([Line("a", 0, curve(*values))], "a")
    for x, y in places(picture):
        assert 0 <= x <= 560
        assert 0 <= y <= 220


def test_names_are_text_and_never_markup():
    picture = chart([Line("<script>", 0, curve(1.0, 2.0))], '"><script>')
    assert "<script>" not in picture
    assert ElementTree.fromstring(picture).get("aria-label") == '"><script>'


def test_nothing_to_draw_is_nothing():
    assert sparkline([]) == ""
    assert chart([], "a") == ""


def test_thinned_curve_has_the_means_of_stretches():
    points = Points(np.arange(1000), np.arange(1000, dtype=np.float32))
    found = thinned(points, 10)
    assert found.frames.tolist() == [49 + 100 * i for i in range(10)]
    assert found.values == pytest.approx([49.5 + 100 * i for i in range(10)])


def test_thinned_curve_leaves_out_what_is_no_number():
    found = thinned(Points(np.arange(4), np.array([1, np.nan, np.inf, 2], np.float32)), 10)
    assert found.frames.tolist() == [0, 3]
    assert thinned(Points(np.arange(1), np.array([np.nan], np.float32)), 10) is None


def test_ticks_are_round_and_inside():
    assert ticks(0, 20e6) == [0, 5e6, 10e6, 15e6, 20e6]
    assert ticks(-0.3, 1.1) == pytest.approx([0, 0.5, 1.0])


@given(VALUES, st.floats(1e-6, 1e6))
def test_ticks_are_few_and_have_different_labels(low, relative):
    high = low + max(abs(low), 1e-9) * relative
    found = ticks(low, high)
    assert 1 <= len(found) <= 12
    assert all(low - (high - low) * 1e-3 <= value <= high + (high - low) * 1e-3 for value in found)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([2.705, 2.7055, 2.706], ["2.7050", "2.7055", "2.7060"]),
        ([-20, 0, 20], ["-20", "0", "20"]),
        ([0, 0.25, 0.5], ["0.00", "0.25", "0.50"]),
        ([0, 2e6, 4e6], ["0", "2 M", "4 M"]),
        ([0, 1e-5], ["0", "1e-05"]),
    ],
)
def test_labels_tell_ticks_apart(values, expected):
    assert labels(values) == expected
