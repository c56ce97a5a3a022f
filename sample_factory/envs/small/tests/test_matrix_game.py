"""Matrix games are solved exactly. Knows no environment."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sample_factory.envs.small.tests.matrix_game import is_equilibrium, solve


def test_matching_pennies():
    value, rows, columns = solve(np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert value == pytest.approx(0) and rows == pytest.approx([0.5, 0.5]) and columns == pytest.approx([0.5, 0.5])


def test_a_mix_that_is_not_even():
    """Rows are indifferent at q = 2/7, columns at p = 3/7."""
    value, rows, columns = solve(np.array([[3.0, -1.0], [-2.0, 1.0]]))
    assert value == pytest.approx(1 / 7) and rows == pytest.approx([3 / 7, 4 / 7])
    assert columns == pytest.approx([2 / 7, 5 / 7])


def test_a_saddle_point_needs_no_chance():
    value, rows, columns = solve(np.array([[4.0, 2.0, 3.0], [1.0, 0.0, 5.0]]))
    assert value == pytest.approx(2) and rows == pytest.approx([1, 0]) and columns == pytest.approx([0, 1, 0])


@given(arrays(float, st.tuples(st.integers(1, 5), st.integers(1, 5)), elements=st.sampled_from([0, 0.25, 0.7, 1])))
def test_solutions_are_equilibria_also_where_many_payoffs_are_equal(payoffs):
    assert is_equilibrium(payoffs, solve(payoffs))


def test_what_is_no_equilibrium_is_noticed():
    payoffs = np.array([[1.0, -1.0], [-1.0, 1.0]])
    solution = solve(payoffs)
    assert not is_equilibrium(payoffs, solution._replace(value=0.01))
    assert not is_equilibrium(payoffs, solution._replace(rows=np.array([0.6, 0.4])))
    assert not is_equilibrium(payoffs, solution._replace(columns=np.array([0.6, 0.4])))
