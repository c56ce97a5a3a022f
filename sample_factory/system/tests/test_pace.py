"""When frames are shown, with a clock of the test's own."""

from __future__ import annotations

import time

import pytest

from sample_factory.system.pace import Pace


@pytest.fixture
def clock(monkeypatch):
    """A clock that sleeping and the test move."""
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", sleep)
    return now


def test_work_between_frames_does_not_slow_them_down(clock):
    pace, started = Pace(10), clock[0]
    for _ in range(101):
        pace.wait()
        clock[0] += 0.03
    assert clock[0] - started == pytest.approx(10 + 0.03)


def test_a_late_frame_is_made_up_for_and_a_long_pause_is_not(clock):
    pace, started = Pace(10), clock[0]
    pace.wait()
    clock[0] += 0.15
    pace.wait()
    pace.wait()
    assert clock[0] - started == pytest.approx(0.2)
    clock[0] += 5
    pace.wait()
    pace.wait()
    assert clock[0] - started == pytest.approx(0.2 + 5 + 0.1)


def test_steps_of_several_frames_take_their_time_and_no_pace_takes_none(clock):
    pace, started = Pace(10), clock[0]
    for _ in range(3):
        pace.wait(4)
    assert clock[0] - started == pytest.approx(0.8)
    Pace(0).wait()
    assert clock[0] - started == pytest.approx(0.8)
