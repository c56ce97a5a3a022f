"""Tests of the interval helper, on a clock that the test turns."""

from sample_factory.system.every import Every


def test_is_due_once_per_interval():
    now = [100.0]
    every = Every(10.0, clock=lambda: now[0])
    due = []
    for now[0] in (100.0, 109.9, 110.0, 110.1, 119.9, 125.0, 134.0, 135.0):
        due.append(every.due())
    assert due == [False, False, True, False, False, True, False, True]


def test_non_positive_interval_is_never_due():
    now = [0.0]
    every = Every(-1, clock=lambda: now[0])
    now[0] = 1e9
    assert not every.due()
