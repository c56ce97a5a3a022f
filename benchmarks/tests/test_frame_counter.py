"""The counter in the lines and the window that counts."""

from __future__ import annotations

import pytest

from benchmarks.frame_counter import Reading, Window, counted_window, parse_frames


@pytest.mark.parametrize(
    ("line", "frames"),
    [
        ("Fps is (10 sec: 1.5, 60 sec: nan, 300 sec: 2.0). Total num frames: 24576.", 24576),
        ("\x1b[36m[2026-11-20] Fps is (10 sec: 3). Total num frames: 81. Throughput: 0: 5.1. Samples: 99\x1b[0m", 81),
        ("Total num frames: \x1b[1m1,234,567\x1b[0m", 1234567),
        ("Total num frames: 0.", 0),
        ("Fps is (10 sec: 1234.5)", None),
        ("Total num frames: nan", None),
        ("", None),
    ],
)
def test_only_the_counter_of_a_line_is_read(line, frames):
    assert parse_frames(line) == frames


def _steady(seconds, frames_per_sec, start_sec=0.0):
    return [Reading(start_sec + second, second * frames_per_sec) for second in range(seconds + 1)]


def test_fps_comes_from_counters_and_arrival_times():
    assert Window(Reading(10.0, 1000), Reading(14.0, 9000)).fps == 2000.0


def test_starting_up_and_warming_up_do_not_count():
    # 100 s of start-up, then 10 s at 1 frame/s, then 500 frames/s.
    starting = [Reading(float(second), 0) for second in range(0, 100, 5)]
    slow = [Reading(100.0 + second, 1 + second) for second in range(10)]
    fast = [Reading(110.0 + second, 11 + 500 * second) for second in range(21)]
    window = counted_window([*starting, *slow, *fast], warmup_sec=10.0)
    assert window is not None
    assert (window.seconds, window.fps) == (20.0, 500.0)


def test_a_pause_in_the_window_counts_against_a_system():
    readings = [*_steady(10, 100), Reading(20.0, 1000)]
    window = counted_window(readings, warmup_sec=0.0)
    assert window is not None
    assert (window.frames, window.seconds) == (900, 19.0)


@pytest.mark.parametrize("readings", [[], [Reading(0.0, 0)], [Reading(5.0, 10)], _steady(20, 10)[:21]])
def test_there_is_no_window_before_two_readings_after_the_warmup(readings):
    assert counted_window(readings, warmup_sec=19.0) is None


def test_a_counter_that_goes_back_is_an_error():
    with pytest.raises(ValueError, match="went back from 500 to 100"):
        counted_window([Reading(0.0, 500), Reading(1.0, 100)], warmup_sec=0.0)
