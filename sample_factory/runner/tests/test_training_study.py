"""A study of real trainings, which are started by their command lines. Knows no algorithm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sample_factory.runner.ledger import Ledger
from sample_factory.runner.progress import progress
from sample_factory.runner.tests.study import Study

COMMAND = (
    "python -m sample_factory.algorithms.appo.train_appo --algo=APPO --env=bandit_2 --device=cpu --serial_mode=True "
    "--use_rnn=False --hidden_size=8 --num_workers=1 --rollout=8 --recurrence=8 --batch_size=64"
)
TRAININGS = (
    f'Experiment("train", "{COMMAND} --train_for_env_steps=500", ParamGrid([("seed", [1, 2])]).generate_params(False))'
)
SEARCH = (
    f'HalvingExperiment("train", "{COMMAND} --train_for_env_steps=16000 --experiment_summaries_interval=1", '
    'ParamSearch([("learning_rate", log_uniform(1e-7, 1e-2))], trials=3, seeds=[1], seed=5).generate_params(), '
    "first_frames=8000, num_rungs=1)"
)


def _trainings(make_study: Callable[..., Study], experiments: str) -> Study:
    """Without what tells other programs their folders."""
    study = make_study(experiments)
    script = study.train_dir.parent / "my_study.py"
    script.write_text(script.read_text().split(", experiment_dirs_sf_format")[0] + ")\n")
    return study


def test_two_trainings_end_where_they_should(make_study: Callable[..., Study]) -> None:
    study = _trainings(make_study, TRAININGS)
    assert study.run("--max_parallel=2") == 0, study.output.read_text()
    assert study.states() == ["done", "done"]
    for name, entry in study.entries().items():
        folder = study.folder / "train_" / name
        assert (folder / "cfg.json").is_file() and (folder / "done").is_file()
        frames, _ = progress(folder)
        assert frames is not None and frames >= 500
        assert "Collected {0: " in study.log(entry)


@pytest.mark.slow
def test_a_search_stops_trainings_that_learn_less(make_study: Callable[..., Study]) -> None:
    pytest.importorskip("optuna", reason="needs Optuna: pip install 'sample-factory[search]'")
    study = _trainings(make_study, SEARCH)
    assert study.run("--max_parallel=1") == 0, study.output.read_text()
    entries = study.entries()
    judgements = Ledger(study.folder).judgements()
    assert {one.name for one in judgements if one.frames == 8000} == {entry.name for entry in entries.values()}
    stopped = [entry for entry in entries.values() if entry.state == "cancelled"]
    assert stopped and {entry.state for entry in entries.values()} == {"cancelled", "done"}
    for entry in stopped:
        folder = study.folder / entry.name
        assert list(folder.glob("checkpoint_p0/checkpoint_*.pth")), "it has saved"
        assert not (folder / "done").exists() and (progress(folder).frames or 0) < 16000
    at_first = {one.name: one.value for one in judgements if one.frames == 8000}
    assert entries[Path(max(at_first, key=at_first.__getitem__)).name].state == "done"
