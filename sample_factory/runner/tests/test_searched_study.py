"""A search as its user sees it: the runner's process, trials whose best parameter is known, kills. Trains nothing."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sample_factory.runner import status
from sample_factory.runner.ledger import Judgement, Ledger
from sample_factory.runner.results.__main__ import main as results
from sample_factory.runner.search import ParamSearch, uniform
from sample_factory.runner.tests.searched_experiment import BEST, height
from sample_factory.runner.tests.study import Study

pytest.importorskip("optuna", reason="needs Optuna: pip install 'sample-factory[search]'")

COMMAND = "python -m sample_factory.runner.tests.searched_experiment --frames=160 --rungs 10 40"
TRIALS = 8
DRAWN = [one["x"] for one in ParamSearch([("x", uniform(-1, 2))], TRIALS).generate_params()]


def _search(trials: int = TRIALS, seeds: str = "[]") -> str:
    generator = f'ParamSearch([("x", uniform(-1, 2))], trials={trials}, seeds={seeds}).generate_params()'
    return f'HalvingExperiment("x", "{COMMAND}", {generator}, first_frames=10, num_rungs=2)'


def _frames(study: Study) -> dict[str, int]:
    """Name -> what it has been trained for."""
    files = {name: study.folder / entry.name / "frames.txt" for name, entry in study.entries().items()}
    return {name: int(path.read_text()) if path.exists() else 0 for name, path in files.items()}


def _starts(study: Study) -> list[int]:
    files = [study.folder / entry.name / "starts.txt" for entry in study.entries().values()]
    return [path.read_text().count("begin") if path.exists() else 0 for path in files]


def test_the_best_is_found_with_fewer_frames_than_all_of_them_take(
    make_study: Callable[..., Study], capsys: pytest.CaptureFixture[str]
) -> None:
    study = make_study(_search())
    assert study.run("--max_parallel=2") == 0, study.output.read_text()
    best = min(DRAWN, key=lambda x: abs(x - BEST))
    entries = study.entries()
    assert set(study.states()) == {"done", "cancelled"}
    [best_name] = [name for name in entries if name.endswith(f"_x_{best}")]
    assert entries[best_name].state == "done"
    frames = _frames(study)
    assert sum(frames.values()) < 0.75 * TRIALS * 160
    for name, entry in entries.items():
        assert frames[name] in ((160,) if entry.state == "done" else (10, 40)), "stopped where it was compared"
    assert _starts(study) == [1] * TRIALS
    _says_pruned(study, capsys)
    assert results([str(study.folder), "--resamples=50", "--figures=False"]) == 0
    env = json.loads((study.folder / "results" / "results.json").read_text())["envs"]["small"]
    assert env["best_by_final"] == {"x": best}
    assert env["settings"][0]["final"]["mean"] == pytest.approx(0.95 * 160 * height(best))
    assert "not judged, because they have not had 160 frames" in capsys.readouterr().out


def _says_pruned(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    stopped = study.states().count("cancelled")
    assert stopped and status.main([str(study.folder)]) == 0
    totals, *lines = capsys.readouterr().out.splitlines()
    assert f": {TRIALS - stopped} done, {stopped} pruned; " in totals
    assert sum(line.split()[1] == "pruned" for line in lines) == stopped


def test_a_search_whose_runner_is_killed_repeats_and_forgets_nothing(make_study: Callable[..., Study]) -> None:
    study = make_study(_search())
    judged: list[Judgement] = []
    for number in (1, 3, 5):
        study.start("--max_parallel=2")
        study.wait_until(lambda least=number: _count(study) >= least)
        study.kill_runner()
        known = Ledger(study.folder).judgements()
        assert known[: len(judged)] == judged
        judged = known
    assert study.run("--max_parallel=2") == 0, study.output.read_text()
    judgements = Ledger(study.folder).judgements()
    assert judgements[: len(judged)] == judged
    assert {one.name for one in judgements if one.frames == 10} == {entry.name for entry in study.entries().values()}
    assert _starts(study) == [1] * TRIALS
    out = {one.name for one in judgements if one.is_pruned}
    for entry in study.entries().values():
        assert entry.state == ("cancelled" if entry.name in out else "done")
    # And there is nothing more to do.
    assert study.run() == 0 and _starts(study) == [1] * TRIALS


def _count(study: Study) -> int:
    return len(Ledger(study.folder).judgements()) if study.entries() else 0


def test_an_interrupted_search_goes_on_where_it_was(make_study: Callable[..., Study]) -> None:
    study = make_study(_search())
    runner = study.start("--max_parallel=2")
    study.wait_until(lambda: _count(study) >= 2)
    runner.terminate()
    assert study.wait(runner) == 2
    out = [entry.name for entry in study.entries().values() if entry.state == "cancelled"]
    assert study.run("--max_parallel=2") == 0, study.output.read_text()
    assert set(study.states()) == {"done", "cancelled"}
    assert all(entry.tries == 1 for entry in study.entries().values() if entry.name in out)


def test_seeds_of_a_trial_are_stopped_together(make_study: Callable[..., Study]) -> None:
    study = make_study(_search(3, "[1, 2]"))
    assert study.run("--max_parallel=2") == 0, study.output.read_text()
    states = study.states()
    assert states[::2] == states[1::2] and set(states) == {"done", "cancelled"}
    frames = list(_frames(study).values())
    assert frames[::2] == frames[1::2]
