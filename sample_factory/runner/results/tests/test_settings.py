"""Which experiments are taken together."""

from __future__ import annotations

from pathlib import Path

from sample_factory.config.config import Config
from sample_factory.config.run import RunConfig
from sample_factory.config.values import flat
from sample_factory.runner.results.experiments import Experiment
from sample_factory.runner.results.settings import NOT_COMPARED, differing, group


def experiments(*cfgs):
    return [Experiment(str(i), Path(str(i)), {"env": "a", "seed": i} | cfg, True, ()) for i, cfg in enumerate(cfgs)]


def test_seeds_of_the_same_options_are_one_setting():
    found = experiments({"lr": 1, "gamma": 0.9}, {"lr": 1, "gamma": 0.9}, {"lr": 2, "gamma": 0.9})
    assert differing(found) == ["lr"]
    settings = group(found, ["lr"])
    assert [(one.label, len(one.experiments)) for one in settings] == [("lr=1", 2), ("lr=2", 1)]
    assert [one.values for one in settings] == [{"lr": 1}, {"lr": 2}]


def test_names_folders_limits_and_reporting_are_no_hyper_parameters():
    found = experiments(
        {"experiment": "a", "train_dir": "x", "wandb_tags": ["a"], "train_for_env_steps": 1, "git_hash": "1"},
        {"experiment": "b", "train_dir": "y", "wandb_tags": [], "train_for_env_steps": 2, "git_hash": "2"},
    )
    assert differing(found) == []
    assert len(group(found, [])) == 1


def test_everything_that_changes_learning_is_compared():
    compared = set(flat(Config(run=RunConfig(env="a")))) - NOT_COMPARED
    assert {"learning_rate", "gamma", "algo", "num_workers", "env_frameskip", "hidden_size", "with_pbt"} <= compared
    assert not {"seed", "env", "experiment", "save_every_sec", "with_wandb", "fps"} & compared


def test_environments_have_defaults_of_their_own():
    found = experiments(
        {"env": "a", "hidden_size": 512, "lr": 1},
        {"env": "a", "hidden_size": 512, "lr": 2},
        {"env": "b", "hidden_size": 64, "lr": 1},
        {"env": "b", "hidden_size": 64, "lr": 2},
    )
    assert differing(found) == ["lr"]
    keys = [one.key for one in group(found, ["lr"])]
    assert keys[0] == keys[2]
    assert keys[1] == keys[3]


def test_what_the_user_says_does_not_matter_does_not():
    found = experiments({"num_workers": 4}, {"num_workers": 16})
    assert differing(found) == ["num_workers"]
    assert differing(found, ["num_workers"]) == []


def test_numbers_are_compared_as_numbers_and_lists_as_a_whole():
    assert differing(experiments({"x": 1, "y": [1, 2]}, {"x": 1.0, "y": [1, 2]})) == []
    assert differing(experiments({"x": True, "y": [1, 2]}, {"x": 1, "y": [2, 1]})) == ["x", "y"]


def test_option_that_only_some_have_differs():
    found = experiments({"new": 3}, {})
    assert differing(found) == ["new"]
    assert [one.label for one in group(found, ["new"])] == ["new=3", "new=None"]
