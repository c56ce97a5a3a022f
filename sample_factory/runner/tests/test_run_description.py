"""Names, order and command lines of experiments, which users' scripts and folders depend on. Starts nothing."""

from __future__ import annotations

import logging
import shlex
from pathlib import Path
from typing import Any

import pytest

from sample_factory.runner.run_description import Experiment, ParamGrid, ParamList, RunDescription
from sample_factory.runner.runs.run_utils import seeds


def _planned(*experiments: Experiment, **options: Any) -> list[tuple[str, str, str, dict[str, str]]]:
    description = RunDescription("study", list(experiments), **options)
    return [tuple(planned) for planned in description.generate_experiments("/t", makedirs=False)]


def _names(*parameters: str) -> str:
    """The name of an experiment with these parameters, all 1."""
    [(_, name)] = Experiment("x", "run", [dict.fromkeys(parameters, 1)]).generate_experiments()
    return name


def test_a_grid_is_every_combination_and_the_last_parameter_changes_fastest() -> None:
    grid = ParamGrid([("p1", [3.14, 2.71]), ("p2", ["a", "b", "c"]), ("p3", [True])])
    combinations = list(grid.generate_params(randomize=False))
    assert [tuple(combination.values()) for combination in combinations] == [
        (3.14, "a", True),
        (3.14, "b", True),
        (3.14, "c", True),
        (2.71, "a", True),
        (2.71, "b", True),
        (2.71, "c", True),
    ]
    assert all(list(combination) == ["p1", "p2", "p3"] for combination in combinations)


def test_a_list_keeps_its_order_and_its_gaps() -> None:
    combinations: list[dict[str, Any]] = [{"a": 1}, {"b": 2}, {"a": 3, "b": 4}]
    assert list(ParamList(combinations).generate_params(randomize=False)) == combinations


@pytest.mark.parametrize("parameters", [ParamGrid([("a", range(50))]), ParamList([{"a": a} for a in range(50)])])
def test_shuffling_is_the_default_and_always_the_same(parameters: ParamList) -> None:
    shuffled = parameters.generate_params()
    assert shuffled != parameters.generate_params(randomize=False)
    assert sorted(combination["a"] for combination in shuffled) == list(range(50))
    assert shuffled == parameters.generate_params(randomize=True)
    # In another process as well: the names of a study that goes on must be those that it began with.
    assert [combination["a"] for combination in shuffled[:5]] == [43, 1, 28, 14, 36]


def test_values_keep_their_types() -> None:
    grid = ParamGrid([("a", [1, "x", 2.5])])
    assert {type(combination["a"]) for combination in grid.generate_params()} == {int, str, float}


def test_a_parameter_without_values_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="'seed' has no values"):
        ParamGrid([("env", ["x"]), ("seed", [])])


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (["seed"], "00_x_see_1"),
        (["env"], "00_x_env_1"),
        (["use_rnn"], "00_x_u.rnn_1"),
        (["num_envs_per_worker"], "00_x_n.e.p.wor_1"),
        (["env.frame-skip"], "00_x_e.f.ski_1"),
        (["lr"], "00_x_lr_1"),
        (["seed", "seek"], "00_x_see_1_seek_1"),
        (["with_pbt", "w_pbt_2"], "00_x_w.pbt_1_w.p.2_1"),
        (["a_rate", "b_rate", "a_rates"], "00_x_a.rat_1_b.rat_1_a.rate_1"),
        (["seed", "seeds", "seeding"], "00_x_see_1_seed_1_seedi_1"),
        (["a_x", "apple_x"], "00_x_a.x_1_a.x_1"),
        (["--odd__name_"], "00_x_o.nam_1"),
    ],
)
def test_short_names_of_parameters(parameters: list[str], expected: str) -> None:
    assert _names(*parameters) == expected


def test_numbers_are_two_digits_or_more() -> None:
    experiment = Experiment("x", "run", [{"seed": seed} for seed in range(101)])
    names = [name for _, name in experiment.generate_experiments()]
    assert (names[0], names[9], names[100]) == ("00_x_see_0", "09_x_see_9", "100_x_see_100")


def test_parameters_follow_the_command_then_the_name_then_the_folders() -> None:
    experiment = Experiment("x", "python -m train --a=1", ParamGrid([("seed", [7]), ("env", ["e"])]).generate_params())
    assert _planned(experiment) == [
        (
            "python -m train --a=1 --seed=7 --env=e --experiment=00_x_see_7_env_e "
            "--train_dir=/t --experiments_root=study/x_",
            "00_x_see_7_env_e",
            "study/x_",
            {},
        )
    ]


@pytest.mark.parametrize("parameters", [[], ParamGrid([]).generate_params(), ParamList([]).generate_params()])
def test_without_parameters_there_is_one_run(parameters: list[dict[str, Any]]) -> None:
    [planned] = _planned(Experiment("x", "run", parameters))
    assert planned[0] == "run --experiment=00_x --train_dir=/t --experiments_root=study/x_"


def test_the_suffix_is_part_of_the_folder_and_not_of_the_name() -> None:
    description = RunDescription("study", [Experiment("x", "run")])
    description.experiment_suffix = "v2"
    [(command, name, root, _)] = description.generate_experiments("/t")
    assert (name, root) == ("00_x", "study/x_v2") and "--experiments_root=study/x_v2" in command


def test_other_programs_are_told_one_folder_in_their_own_words(tmp_path: Path) -> None:
    description = RunDescription(
        "study",
        [Experiment("x", "run", [{"p": 1}])],
        experiment_dirs_sf_format=False,
        experiment_arg_name="--name",
        experiment_dir_arg_name="--dir",
        param_prefix="+",
    )
    [(command, _, _, _)] = description.generate_experiments(str(tmp_path), makedirs=False)
    assert command == f"run +p=1 --name=00_x_p_1 --dir={tmp_path}/study/x_"
    assert list(tmp_path.iterdir()) == []
    list(description.generate_experiments(str(tmp_path)))
    assert (tmp_path / "study" / "x_").is_dir()


def test_names_may_be_left_as_they_are() -> None:
    planned = _planned(Experiment("x", "run", [{"p": 1}]), Experiment("y", "run"), customize_experiment_name=False)
    assert [(one[0].split()[-3], one[1]) for one in planned] == [("--experiment=x", "x"), ("--experiment=y", "y")]


def test_environment_variables_go_with_each_run() -> None:
    planned = _planned(Experiment("x", "run", [{"p": 1}, {"p": 2}], env_vars={"A": "b"}), Experiment("y", "run"))
    assert [one[3] for one in planned] == [{"A": "b"}, {"A": "b"}, {}]


def test_values_need_no_shell_and_are_safe_in_one() -> None:
    values = ["a b", "$(rm -rf x)", "it's", '{"k": [1, 2]}', "a/b"]
    planned = _planned(Experiment("x", "run", [{"v": value} for value in values]))
    assert [shlex.split(one[0])[1] for one in planned] == [f"--v={value}" for value in values]
    for command, name, _, _ in planned:
        assert not set(name) & set(" /\n") and f"--experiment={name}" in shlex.split(command)


def test_two_runs_in_one_folder_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="two runs are named x in study/x_"):
        _planned(Experiment("x", "run", [{"p": 1}, {"p": 2}]), customize_experiment_name=False)


@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x"])
def test_nothing_leads_out_of_the_folder_of_all_experiments(name: str) -> None:
    with pytest.raises(ValueError, match="must be the name of a folder inside train_dir"):
        list(RunDescription(name, [Experiment("x", "run")]).generate_experiments("/t", makedirs=False))


def test_long_names_are_a_warning_and_too_long_ones_a_mistake(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        _planned(Experiment("x" * 93, "run", [{"p": 1}]))
        assert not caplog.records
        _planned(Experiment("x" * 94, "run", [{"p": 1}]))
    assert len(caplog.records) == 1
    with pytest.raises(ValueError, match="too long"):
        _planned(Experiment("x" * 300, "run"))


def test_seeds_are_different_and_always_the_same() -> None:
    assert len(set(seeds(100))) == 100
    assert seeds(3) == seeds(100)[:3]
    assert all(0 <= seed < 10_000_000 for seed in seeds(100))
