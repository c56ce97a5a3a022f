"""Ratios and the table."""

from __future__ import annotations

import sys

from benchmarks.measure import Measurement
from benchmarks.report import Ratio, Run, ratio, table, versions


def _runs(system, *fps, load=0.5, peak=2_000_000_000, startup=7.6):
    return [
        Run(system, "2x16", pair, None, "broken")
        if value is None
        else Run(system, "2x16", pair, Measurement(value, int(value * 60), 60.0, load, peak, startup, ["x"], "log"))
        for pair, value in enumerate(fps)
    ]


def test_the_ratio_is_taken_pair_by_pair():
    # The medians alone would give 4000 / 2000; the machine was slow for the second pair.
    assert ratio(_runs("ours", 4000.0, 2000.0, 6000.0), _runs("peer", 2000.0, 1000.0, 2000.0)) == Ratio(
        2.0, 2.0, 3.0, 3
    )


def test_pairs_with_a_failed_run_do_not_count():
    assert ratio(_runs("ours", None, 300.0, 500.0), _runs("peer", 100.0, 100.0, None)) == Ratio(3.0, 3.0, 3.0, 1)
    assert ratio(_runs("ours", None), _runs("peer", 100.0)) is None
    assert ratio([], _runs("peer", 100.0)) is None


def test_the_table_has_a_line_for_every_case_and_peer():
    runs = {
        "doom": [*_runs("ours", 6000.0, load=1.5), *_runs("a", 2000.0, load=2.5), *_runs("b", 3000.0, None)],
        "cartpole": _runs("a", 10_000.0, 12_000.0, peak=1_500_000_000),
    }
    head, _, first, second, third = table(runs, {"doom": 8000.0, "cartpole": 9000.0}).splitlines()
    assert head.split()[:3] == ["case", "ours", "fps"]
    assert " ".join(first.split()) == "doom 6,000 75% a 2,000 3.00 (3.00-3.00) 1.5 / 2.5 2,000 / 2,000 8 / 8"
    assert second.split()[:7] == ["doom", "6,000", "75%", "b", "3,000", "2.00", "(2.00-2.00)"]
    assert third.split() == ["cartpole", "-", "-", "a", "11,000", "-", "0.5", "0.5", "1,500", "8"]


def test_without_a_limit_there_is_no_share_of_it():
    assert table({"doom": _runs("ours", 10.0)}).splitlines()[2].split()[:3] == ["doom", "10", "-"]


def test_the_table_says_which_system_failed():
    assert "failed" in table({"doom": [*_runs("ours", 10.0), *_runs("peer", None)]})


def test_versions_leave_out_what_is_not_installed():
    found = versions(sys.executable, ["psutil", "no-such-package-here"])
    assert found.keys() == {"python", "psutil"}


def test_versions_of_a_missing_interpreter_are_empty():
    assert versions("/nowhere/python", ["psutil"]) == {}
