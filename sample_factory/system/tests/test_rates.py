"""Tests of rates over windows, with times typed in."""

import pytest

from sample_factory.system.rates import RateWindow


def test_each_window_sees_its_own_speed():
    rates = RateWindow()
    count = 0
    for second in range(401):
        rates.add(float(second), count)
        count += 100 if second < 390 else 1000
    assert rates.rate(10, now=400.0) == pytest.approx(1000.0)
    assert rates.rate(60, now=400.0) == pytest.approx((50 * 100 + 10 * 1000) / 60)
    assert rates.rate(300, now=400.0) == pytest.approx((290 * 100 + 10 * 1000) / 300)


def test_before_a_window_is_full_it_covers_the_time_since_the_first_sample():
    rates = RateWindow()
    assert rates.rate(10, now=0.0) is None
    rates.add(0.0, 5_000_000)  # a resumed run starts from a large counter
    assert rates.rate(10, now=1.0) is None
    rates.add(4.0, 5_000_400)
    assert rates.rate(300, now=4.0) == pytest.approx(100.0)


def test_speed_falls_to_zero_when_nothing_is_reported_any_more():
    rates = RateWindow()
    for second in range(20):
        rates.add(float(second), second * 100)
    assert rates.rate(10, now=24.0) == pytest.approx(500 / 10, rel=0.2)
    assert rates.rate(10, now=60.0) == 0.0


def test_memory_is_bounded_however_often_it_is_fed():
    rates = RateWindow(longest_sec=10)
    for step in range(100_000):
        rates.add(step * 0.001, step)
    assert len(rates._samples) < 30
    assert rates.rate(10, now=99.999) == pytest.approx(1000.0, rel=0.01)
