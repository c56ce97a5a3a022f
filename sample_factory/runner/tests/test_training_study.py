"""A study of real trainings, which are started by their command lines. Knows no algorithm."""

from __future__ import annotations

from collections.abc import Callable

from sample_factory.runner.progress import progress
from sample_factory.runner.tests.study import Study

TRAININGS = (
    'Experiment("train", "python -m sample_factory.algorithms.appo.train_appo --algo=APPO --env=bandit_2 --device=cpu '
    "--serial_mode=True --use_rnn=False --hidden_size=8 --num_workers=1 --rollout=8 --recurrence=8 --batch_size=64 "
    '--train_for_env_steps=500", ParamGrid([("seed", [1, 2])]).generate_params(False))'
)


def test_two_trainings_end_where_they_should(make_study: Callable[..., Study]) -> None:
    study = make_study(TRAININGS)
    script = study.train_dir.parent / "my_study.py"
    script.write_text(script.read_text().split(", experiment_dirs_sf_format")[0] + ")\n")
    assert study.run("--max_parallel=2") == 0, study.output.read_text()
    assert study.states() == ["done", "done"]
    for name, entry in study.entries().items():
        folder = study.folder / "train_" / name
        assert (folder / "cfg.json").is_file() and (folder / "done").is_file()
        frames, _ = progress(folder)
        assert frames is not None and frames >= 500
        assert "Collected {0: " in study.log(entry)
