"""Schedules of learning hyper-parameters as pure functions. Knows no optimiser."""

from __future__ import annotations

_STEP = 1.5
_MIN_LEARNING_RATE, _MAX_LEARNING_RATE = 1e-6, 1e-2


def kl_adaptive_learning_rate(learning_rate: float, kl: float, threshold: float) -> float:
    """Next learning rate: smaller if the policy moved more than twice `threshold`, larger if less than half of it."""
    if kl > 2.0 * threshold:
        return max(learning_rate / _STEP, _MIN_LEARNING_RATE)
    if kl < 0.5 * threshold:
        return min(learning_rate * _STEP, _MAX_LEARNING_RATE)
    return learning_rate
