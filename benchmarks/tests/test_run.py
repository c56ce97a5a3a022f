"""The command line over fake systems."""

from __future__ import annotations

import json

import pytest

from benchmarks.cases import Case, Setting, System
from benchmarks.limit import Limit, LimitError, measure_limit
from benchmarks.run import best_setting, main
from benchmarks.tests.test_measure import FAKE
from benchmarks.tests.test_report import _runs

FAST = ("--seconds=0.2", "--warmup=0.05", "--tune-seconds=0.1", "--silence-limit=20")


@pytest.fixture(autouse=True)
def _do_not_wait(monkeypatch):
    monkeypatch.setattr("benchmarks.process_tree.ProcessTree.end.__defaults__", (0.05,))


def _system(name, *speeds, lines="100000"):
    return System(
        name, tuple(FAKE), tuple(Setting(f"speed {speed}", (str(speed), lines)) for speed in speeds), packages=()
    )


def _cases(peer=None):
    return {"fake": Case("fake", "a fake", _system("ours", 300), (peer or _system("peer", 1, 100),))}


def _main(tmp_path, *arguments, cases=None, measure_case_limit=measure_limit):
    out = tmp_path / "results.json"
    common = ["--cases", "fake", *FAST, "--logs", str(tmp_path / "logs"), "--out", str(out)]
    status = main([*common, *arguments], cases or _cases(), measure_case_limit)
    return status, json.loads(out.read_text())


def test_systems_take_turns_and_everything_is_written(tmp_path, capsys):
    status, results = _main(tmp_path, "--pairs=2")
    case = results["cases"]["fake"]
    assert status == 0
    assert [(run["system"], run["pair"]) for run in case["runs"]] == [
        ("ours", 0),
        ("peer", 0),
        ("ours", 1),
        ("peer", 1),
    ]
    assert case["ratios"]["peer"]["num_pairs"] == 2
    assert case["settings"] == {"ours": "speed 300", "peer": "speed 1"}
    assert case["runs"][0]["measurement"]["command"][-2:] == ["300", "100000"]
    assert results["machine"]["cores"] >= 1
    assert "ratio (min-max)" in capsys.readouterr().out


def test_tuning_picks_the_fastest_setting_and_can_be_used_again(tmp_path):
    _, results = _main(tmp_path, "--tune", "--peers-only", "--pairs=1")
    assert results["cases"]["fake"]["settings"] == {"peer": "speed 100"}
    assert [run["setting"] for run in results["cases"]["fake"]["tuning"]] == ["speed 1", "speed 100"]
    _, again = _main(tmp_path, "--peers-only", "--pairs=1", "--use-tuning", str(tmp_path / "results.json"))
    assert again["cases"]["fake"]["runs"][0]["setting"] == "speed 100"


def test_a_failing_system_does_not_stop_the_others_but_is_told(tmp_path, capsys):
    status, results = _main(tmp_path, "--pairs=1", cases=_cases(peer=_system("peer", 1, lines="1")))
    first, second = results["cases"]["fake"]["runs"]
    assert status == 1
    assert first["measurement"] is not None
    assert second["measurement"] is None and "ended by itself" in second["error"]
    assert "FAILED" in capsys.readouterr().out


def test_a_system_that_is_not_installed_fails_alone(tmp_path):
    missing = System("peer", ("/nowhere/python",), (Setting("any", ()),), packages=())
    status, results = _main(tmp_path, "--pairs=1", cases=_cases(peer=missing))
    assert status == 1
    assert "No such file" in results["cases"]["fake"]["runs"][1]["error"]


def test_an_unknown_case_is_refused(capsys):
    assert main(["--cases", "nonsense"], _cases()) == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_best_setting_is_the_first_one_if_all_failed():
    settings = [Setting("2x16", ()), Setting("other", ())]
    assert best_setting(_runs("peer", None), settings).name == "2x16"


def test_the_limit_is_measured_in_the_same_run_and_ours_compared_with_it(tmp_path, capsys):
    limit = Limit(2, 4.0, {"environment": 0.5, "training": 1.5}, {"environment": "x8", "training": "float32"}, {})
    status, results = _main(tmp_path, "--pairs=1", "--limit", measure_case_limit=lambda case: limit)
    assert status == 0
    assert results["cases"]["fake"]["limit"]["fps"] == 4.0
    assert results["cases"]["fake"]["limit"]["seconds"] == {"environment": 0.5, "training": 1.5}
    assert "%" in capsys.readouterr().out.splitlines()[-1]


def test_a_limit_that_cannot_be_measured_is_told_and_the_comparison_goes_on(tmp_path, capsys):
    def fail(case):
        raise LimitError("no such environment")

    status, results = _main(tmp_path, "--pairs=1", "--limit", measure_case_limit=fail)
    assert status == 1
    assert results["cases"]["fake"]["limit"] == {"error": "no such environment"}
    assert len(results["cases"]["fake"]["runs"]) == 2
    assert "limit FAILED: no such environment" in capsys.readouterr().out


def test_without_being_asked_for_no_limit_is_measured(tmp_path):
    _, results = _main(tmp_path, "--pairs=1")
    assert results["cases"]["fake"]["limit"] is None


def test_the_limit_of_a_gpu_is_refused(capsys):
    with pytest.raises(SystemExit):
        main(["--cases", "fake", "--limit", "--device=gpu"], _cases())
    assert "--limit is that of the CPU" in capsys.readouterr().err
