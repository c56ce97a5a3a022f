"""The experiment folder and resuming. Trains nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from sample_factory.config.command_line import parse
from sample_factory.config.config import Config
from sample_factory.config.experiment import (
    experiment_dir,
    is_done,
    load_cfg,
    load_saved,
    mark_done,
    prepare,
    save_cfg,
)
from sample_factory.config.run import RunConfig
from sample_factory.config.tests.families import DoomLikeOptions


def _argv(tmp_path: Path, *more: str) -> list[str]:
    return ["--env=doom_basic", f"--train_dir={tmp_path}", "--experiment=run", *more]


def _config(tmp_path: Path, *more: str) -> Config:
    return parse(_argv(tmp_path, *more), Config, DoomLikeOptions)


def _start(tmp_path: Path, *more: str) -> tuple[Config, Path]:
    argv = _argv(tmp_path, *more)
    config = parse(argv, Config, DoomLikeOptions, saved=load_saved(argv))
    folder = prepare(config)
    save_cfg(folder, config, argv)
    return config, folder


def test_the_folder_is_train_dir_root_experiment():
    run = RunConfig(env="x", train_dir="/t", experiments_root="a/b", experiment="c")
    assert experiment_dir(run).as_posix() == "/t/a/b/c"
    assert experiment_dir(RunConfig(env="x", train_dir="/t", experiment="c")).as_posix() == "/t/c"
    assert "~" not in str(experiment_dir(RunConfig(env="x", train_dir="~/t")))


def test_a_started_experiment_resumes_with_what_it_was_started_with(tmp_path):
    _start(tmp_path, "--gamma=0.5", "--res_w=64", "--wandb_tags", "a", "b", "--benchmark=True")
    config, _ = _start(tmp_path, "--benchmark=False")
    assert config.learning.gamma == 0.5
    assert config.family.res_w == 64
    assert config.telemetry.wandb_tags == ("a", "b")
    assert config.run.benchmark is False
    again, _ = _start(tmp_path)
    assert again == config


def test_cfg_json_has_all_options_and_where_they_came_from(tmp_path):
    _, folder = _start(tmp_path, "--gamma=0.5", "--wandb_tags", "a b")
    contents = load_cfg(folder)
    assert contents["rollout"] == 32 and contents["wide_aspect_ratio"] is False
    assert contents["command_line"].endswith("--gamma=0.5 --wandb_tags 'a b'")
    assert contents["cli_args"]["gamma"] == 0.5 and set(contents["cli_args"]) >= {"env", "wandb_tags", "experiment"}
    assert {"git_hash", "git_repo_name", "wandb_unique_id"} <= set(contents)
    assert (folder / "cfg.json").read_text().startswith('{\n  "algo"')
    assert sorted(path.name for path in folder.iterdir()) == ["cfg.json", "git.diff"]


def test_the_id_for_wandb_outlives_resuming(tmp_path):
    _, folder = _start(tmp_path)
    first = load_cfg(folder)["wandb_unique_id"]
    _start(tmp_path, "--gamma=0.9")
    assert load_cfg(folder)["wandb_unique_id"] == first


def test_git_state_is_recorded(tmp_path, monkeypatch):
    repository = tmp_path / "my_project"
    repository.mkdir()
    monkeypatch.chdir(repository)
    identity = ("-c", "user.name=n", "-c", "user.email=e")
    (repository / "code.py").write_text("a = 1\n")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "m")):
        subprocess.run(("git", *command), check=True)
    (repository / "code.py").write_text("a = 2\n")
    _, folder = _start(tmp_path)
    contents = load_cfg(folder)
    assert contents["git_repo_name"] == "my_project" and len(contents["git_hash"]) == 40
    assert "+a = 2" in (folder / "git.diff").read_text()


def test_outside_a_repository_nothing_fails(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    _, folder = _start(tmp_path)
    assert load_cfg(folder)["git_hash"] == "unknown"


def test_restart_keeps_the_old_experiment_under_a_free_name(tmp_path):
    for gamma in ("0.1", "0.2", "0.3"):
        config, folder = _start(tmp_path, f"--gamma={gamma}", "--restart_behavior=restart")
    assert load_cfg(folder)["gamma"] == 0.3
    assert load_cfg(tmp_path / "run_old0001")["gamma"] == 0.1
    assert load_cfg(tmp_path / "run_old0002")["gamma"] == 0.2
    assert config.run.restart_behavior == "restart"


def test_a_new_start_does_not_inherit_options(tmp_path):
    _start(tmp_path, "--gamma=0.1")
    config, _ = _start(tmp_path, "--restart_behavior=overwrite")
    assert config.learning.gamma == 0.99


def test_overwrite_deletes_an_experiment(tmp_path):
    _, folder = _start(tmp_path)
    (folder / "checkpoint").write_text("x")
    _start(tmp_path, "--restart_behavior=overwrite")
    assert not (folder / "checkpoint").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_overwrite_never_deletes_what_is_no_experiment(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.tex").write_text("x")
    with pytest.raises(ValueError, match=r"overwrite does not delete .*run"):
        prepare(_config(tmp_path, "--restart_behavior=overwrite"))
    assert (tmp_path / "run" / "thesis.tex").exists()


def test_overwrite_does_not_follow_links(tmp_path):
    _, folder = _start(tmp_path)
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="symbolic link"):
        prepare(_config(tmp_path, "--restart_behavior=overwrite"))
    assert (tmp_path / "elsewhere" / "cfg.json").exists()


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "run").write_text("a file")
    with pytest.raises(ValueError, match=r"cannot write to the experiment folder .*run") as error:
        prepare(_config(tmp_path))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_damaged_cfg_json_is_named(tmp_path, text):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "cfg.json").write_text(text)
    with pytest.raises(ValueError, match=r"cfg\.json"):
        load_saved(_argv(tmp_path))


def test_nothing_is_saved_before_the_first_start(tmp_path):
    assert load_saved(_argv(tmp_path)) is None
    with pytest.raises(ValueError, match="cannot read"):
        load_cfg(tmp_path)


def _run(**limits: Any) -> RunConfig:
    return RunConfig(env="x", **limits)


def test_a_finished_run_is_done_until_a_limit_is_raised(tmp_path):
    by_steps = _run(train_for_env_steps=1000)
    assert not is_done(tmp_path, by_steps)
    mark_done(tmp_path, 1024, by_steps)
    assert is_done(tmp_path, by_steps)
    assert is_done(tmp_path, _run(train_for_env_steps=1010))
    assert is_done(tmp_path, _run(train_for_env_steps=1000, train_for_seconds=20_000_000_000))
    assert not is_done(tmp_path, _run(train_for_env_steps=2000))


def test_a_run_ended_by_the_clock_goes_on_with_more_time(tmp_path):
    by_clock = _run(train_for_seconds=60)
    mark_done(tmp_path, 5, by_clock)
    assert is_done(tmp_path, by_clock)
    assert not is_done(tmp_path, _run(train_for_seconds=120))


def test_a_benchmark_goes_on_as_training(tmp_path):
    mark_done(tmp_path, 2_000_000, _run(benchmark=True))
    assert is_done(tmp_path, _run(benchmark=True))
    assert not is_done(tmp_path, _run())


@pytest.mark.parametrize("text", ["", "1000", json.dumps({"env_steps": "x"})])
def test_an_unreadable_done_file_does_not_end_a_run(tmp_path, text):
    (tmp_path / "done").write_text(text)
    assert not is_done(tmp_path, _run())
