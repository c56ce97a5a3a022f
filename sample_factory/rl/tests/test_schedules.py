"""Schedules: which way they move, and where they stop. Knows no optimiser."""

from __future__ import annotations

import pytest

from sample_factory.rl.schedules import kl_adaptive_learning_rate


@pytest.mark.parametrize(
    ("rate", "kl", "expected"),
    [
        (3e-4, 0.021, 2e-4),  # more than twice the threshold
        (2e-4, 0.004, 3e-4),  # less than half of it
        (2e-4, 0.005, 2e-4),
        (2e-4, 0.02, 2e-4),
        (1.2e-6, 1.0, 1e-6),
        (9e-3, 0.0, 1e-2),
    ],
)
def test_learning_rate_follows_the_kl_within_bounds(rate: float, kl: float, expected: float) -> None:
    assert kl_adaptive_learning_rate(rate, kl, threshold=0.01) == pytest.approx(expected)
