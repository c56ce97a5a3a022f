"""Sleeping environments are counted, and time is charged to the processes that took it."""

from __future__ import annotations

import pytest

from benchmarks.many_workers import Outcome, plot, run


def _outcome(**changes: object) -> Outcome:
    fields = {"way": "random", "sleep_ms": 5.0, "workers": 2, "rows": 32, "fps": 6400.0, "busy_cores": 0.5}
    return Outcome(**{**fields, "micros": {"main": 5.0, "rollout": 45.0}, **changes})  # type: ignore[arg-type]


def test_the_share_is_that_of_rows_that_only_sleep():
    assert _outcome().share == 0.5
    assert _outcome(fps=12800.0, sleep_ms=2.5, workers=1).share == 1.0
    assert "50%" in _outcome().line() and "50.0 us a step (main 5.0, rollout 45.0)" in _outcome().line()


def test_every_way_has_a_line_in_the_plot(tmp_path):
    plot([_outcome(), _outcome(workers=4), _outcome(way="inline")], tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


@pytest.mark.slow
@pytest.mark.parametrize("way", ["random", "inline", "policy_workers"])
def test_workers_are_counted_and_charged(way):
    outcome = run(way, sleep_ms=20, workers=2, rows=4, seconds=1)
    assert 0 < outcome.share <= 1.05
    assert outcome.micros["rollout"] > outcome.micros["main"] > 0
    assert ("policy" in outcome.micros) == (way == "policy_workers")
