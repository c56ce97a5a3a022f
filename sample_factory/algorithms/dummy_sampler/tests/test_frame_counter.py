"""Counting begins when every worker steps, and rates cover the windows that they name."""

from __future__ import annotations

import pytest

from sample_factory.algorithms.dummy_sampler.frame_counter import FrameCounter, final_line, progress_line


def test_what_is_sampled_before_the_last_worker_begins_is_not_counted() -> None:
    counter = FrameCounter()
    counter.update(0.0, [400, 0], [100, 0])
    assert not counter.is_counting and counter.frames == 0
    counter.update(5.0, [900, 4], [225, 1])
    counter.update(7.0, [1000, 104], [250, 26])
    assert counter.is_counting
    assert (counter.frames, counter.seconds, counter.average_fps) == (200, 2.0, 100.0)


def test_windows_cover_the_time_that_they_name() -> None:
    counter = FrameCounter()
    frames = 0
    for second in range(701):
        counter.update(float(second), [frames], [1])
        frames += 10 if second < 100 else 20 if second < 690 else 30
    one, ten, minute, five_minutes, ten_minutes = counter.fps(700.0)
    assert (one, ten) == (30.0, 30.0)
    assert minute == pytest.approx((50 * 20 + 10 * 30) / 60)
    assert five_minutes == pytest.approx((290 * 20 + 10 * 30) / 300)
    assert ten_minutes == pytest.approx((590 * 20 + 10 * 30) / 600)
    assert counter.average_fps == pytest.approx((100 * 10 + 590 * 20 + 10 * 30) / 700)


def test_nothing_counted_yet_is_not_shown_as_zero() -> None:
    counter = FrameCounter()
    assert counter.fps(1.0) == (None,) * 5
    assert progress_line(0, counter.fps(1.0)).startswith("Fps is (1 sec: nan, 10 sec: nan, 60 sec: nan,")
    assert final_line(counter) == "Collected 0 frames in 0.0 s, avg FPS: 0.0"


def test_final_line() -> None:
    counter = FrameCounter()
    counter.update(10.0, [0, 8], [1, 1])
    counter.update(12.5, [500, 508], [1, 1])
    assert final_line(counter) == "Collected 1000 frames in 2.5 s, avg FPS: 400.0"
