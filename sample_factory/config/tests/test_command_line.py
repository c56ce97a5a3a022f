"""What the command line accepts, what wins, and what users are told. Starts no training."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any

import pytest

from sample_factory.config.command_line import given_on_command_line, name_leading, parse, peek
from sample_factory.config.config import Config
from sample_factory.config.dummy_sampler import DummyConfig
from sample_factory.config.tests.families import DoomLikeOptions, LabLikeOptions
from sample_factory.config.values import flat, namespace

BASIC_RUN = (
    "--env=doom_basic --algo=APPO --train_for_env_steps=30000000 --num_workers=20 --num_envs_per_worker=20 "
    "--experiment=doom_basic --with_wandb=True --wandb_user='<your_wandb_user>' --wandb_tags test benchmark doom appo"
)
RUNNER_TEMPLATE = (
    "--train_for_env_steps=500000000 --algo=APPO --env_frameskip=4 --use_rnn=True --num_workers=36 "
    "--num_envs_per_worker=8 --num_policies=1 --ppo_epochs=1 --rollout=32 --recurrence=32 --batch_size=2048 "
    "--wide_aspect_ratio=False"
)
LAB_RUN = (
    "--env=dmlab_30 --train_for_seconds=3600000 --algo=APPO --gamma=0.99 --use_rnn=True --num_workers=90 "
    "--num_envs_per_worker=12 --ppo_epochs=1 --rollout=32 --recurrence=32 --batch_size=2048 --benchmark=False "
    "--ppo_epochs=1 --max_grad_norm=0.0 --dmlab_renderer=software --decorrelate_experience_max_seconds=120 "
    "--reset_timeout_seconds=300 --encoder_custom=dmlab_instructions --encoder_type=resnet "
    "--encoder_subtype=resnet_impala --encoder_extra_fc_layers=1 --hidden_size=256 --nonlinearity=relu --rnn_type=lstm "
    "--dmlab_extended_action_set=True --num_policies=4 --pbt_replace_reward_gap=0.05 "
    "--pbt_replace_reward_gap_absolute=5.0 --pbt_period_env_steps=10000000 --pbt_start_mutation=100000000 "
    "--with_pbt=True --experiment=dmlab_30_resnet_4pbt_w90_v12 --dmlab_one_task_per_worker=True "
    "--set_workers_cpu_affinity=True --max_policy_lag=35 --pbt_target_objective=dmlab_target_objective "
    "--dmlab30_dataset=~/datasets/brady_konkle_oliva2008 --dmlab_use_level_cache=True "
    "--dmlab_level_cache_path=/home/user/dmlab_cache"
)
DUMMY_RUN = (
    "--algo=DUMMY_SAMPLER --env=doom_benchmark --num_workers=20 --num_envs_per_worker=1 --experiment=dummy_sampler "
    "--sample_env_frames=5000000"
)


def _parse(text: str, **kwargs: Any) -> Config:
    return parse(shlex.split(text), Config, **kwargs)


def _values(text: str, **kwargs: Any) -> dict[str, Any]:
    return flat(_parse(f"--env=doom_basic {text}", **kwargs))


def _error(text: str, **kwargs: Any) -> str:
    with pytest.raises(ValueError) as error:
        _parse(text, **kwargs)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_the_documented_basic_run_parses():
    config = _parse(BASIC_RUN, family_options=DoomLikeOptions)
    assert config.run.train_for_env_steps == 30_000_000
    assert (config.sampling.num_workers, config.sampling.num_envs_per_worker) == (20, 20)
    assert config.telemetry.wandb_tags == ("test", "benchmark", "doom", "appo")
    assert config.telemetry.wandb_user == "<your_wandb_user>"


def test_the_documented_runner_experiment_parses():
    text = f"{RUNNER_TEMPLATE} --seed=1111 --env=doom_my_way_home --experiment=00_x --experiments_root=runs/x"
    config = _parse(text, family_options=DoomLikeOptions, defaults={"env_frameskip": 2})
    assert config.learning.batch_size == 2048
    assert config.env.env_frameskip == 4
    assert config.family == DoomLikeOptions(wide_aspect_ratio=False)


def test_the_documented_population_run_parses():
    config = _parse(LAB_RUN, family_options=LabLikeOptions)
    assert config.pbt.with_pbt and config.sampling.num_policies == 4
    assert config.pbt.pbt_target_objective == "dmlab_target_objective"
    assert config.learning.max_grad_norm == 0.0
    assert config.family.dmlab_level_cache_path == "/home/user/dmlab_cache"
    assert config.family.dmlab_one_task_per_worker is True


def test_the_documented_dummy_sampler_run_parses():
    config = parse(shlex.split(DUMMY_RUN), DummyConfig, DoomLikeOptions, {"hidden_size": 512, "env_frameskip": 4})
    assert config.sampler.sample_env_frames == 5_000_000
    assert config.env.env_frameskip == 4


def test_the_dummy_sampler_has_no_options_of_training():
    with pytest.raises(ValueError, match="unknown flag --rollout"):
        parse(["--env=doom_benchmark", "--rollout=32"], DummyConfig)


def test_each_source_overrides_the_ones_before():
    defaults = {"gamma": 0.5, "hidden_size": 64, "obs_scale": 255}
    saved = {"gamma": 0.6, "hidden_size": 128}
    values = _values("--gamma=0.7", defaults=defaults, saved=saved)
    assert values["gamma"] == 0.7  # command line
    assert values["hidden_size"] == 128  # saved
    assert values["obs_scale"] == 255.0 and isinstance(values["obs_scale"], float)  # family
    assert values["nonlinearity"] == "elu"  # dataclass


def test_a_repeated_flag_overrides_itself():
    assert _values("--rollout=16 --recurrence=16 --rollout=32 --recurrence 32")["rollout"] == 32


@pytest.mark.parametrize("text", ["True", "true", "TRUE", "tRuE"])
def test_booleans_take_true_in_any_case(text):
    assert _values(f"--serial_mode={text}")["serial_mode"] is True


@pytest.mark.parametrize("text", ["False", "false", "FALSE"])
def test_booleans_take_false_in_any_case(text):
    assert _values(f"--use_rnn {text}")["use_rnn"] is False


@pytest.mark.parametrize("text", ["1", "yes", "maybe", "''"])
def test_booleans_take_nothing_else(text):
    assert "bad value for --use_rnn" in _error(f"--env=x --use_rnn={text}")


def test_a_boolean_needs_its_value_unless_it_is_a_bare_flag():
    assert _error("--env=x --use_rnn") == "--use_rnn needs a value: true or false"
    assert _values("--no_render")["no_render"] is True
    values = _values("--no_render=False --save_video true")
    assert (values["no_render"], values["save_video"]) == (False, True)


@pytest.mark.parametrize(
    ("text", "expected"), [("1e6", 10**6), ("2.5e3", 2500), ("1_000", 1000), ("1e10", 10**10), ("7", 7)]
)
def test_whole_numbers_may_be_written_with_an_exponent(text, expected):
    value = _values(f"--train_for_env_steps={text}")["train_for_env_steps"]
    assert value == expected and isinstance(value, int)


def test_a_number_may_be_left_to_measuring_and_stays_so_when_saved():
    values = _values("--num_workers=auto --num_envs_per_worker=1e2")
    assert (values["num_workers"], values["num_envs_per_worker"]) == ("auto", 100)
    saved = _values("", saved={"num_workers": "auto", "num_envs_per_worker": 64.0})
    assert (saved["num_workers"], saved["num_envs_per_worker"]) == ("auto", 64)
    assert _error("--env=x --num_workers=none") == (
        "bad value for --num_workers: 'none' is not a whole number or one of auto"
    )


@pytest.mark.parametrize("text", ["1.5", "2.55e1", "1e999999999", "ten", "''"])
def test_a_bad_whole_number_is_named(text):
    bad = text.strip("'")
    assert _error(f"--env=x --rollout={text}") == f"bad value for --rollout: {bad!r} is not a whole number"


def test_a_bad_value_is_found_among_good_ones():
    assert _error("--env=x --gamma=0.9 --device=tpu --rollout=32") == (
        "bad value for --device: 'tpu' is not one of gpu, cpu"
    )


def test_optional_values_take_none_and_negative_numbers_are_values():
    values = _values("--env_frameskip=none --save_milestones_sec -1", defaults={"env_frameskip": 4})
    assert values["env_frameskip"] is None
    assert values["save_milestones_sec"] == -1


def test_lists_are_separated_by_spaces_and_may_be_empty():
    values = _values("--wandb_tags --encoder_mlp_layers 1e2 64 --actor_worker_gpus 1")
    assert values["wandb_tags"] == ()
    assert values["encoder_mlp_layers"] == (100, 64)
    assert values["actor_worker_gpus"] == (1,)
    assert _values("--wandb_tags=", saved={"wandb_tags": ["old"]})["wandb_tags"] == ()


def test_a_bad_list_entry_is_named():
    assert _error("--env=x --gamma=0.9 --actor_worker_gpus 0 a") == (
        "bad value for --actor_worker_gpus: '0 a' is not a whole number, or several separated by spaces"
    )


def test_text_may_contain_anything():
    kwargs = json.dumps({"name": "a=b --c", "n": [1, 2]})
    values = flat(parse(["--env=x", f"--wandb_project={kwargs}", "--wandb_group=-3"], Config))
    assert (values["wandb_project"], values["wandb_group"]) == (kwargs, "-3")


def test_unknown_flags_are_answered_with_the_nearest_one():
    assert _error("--env=x --num_wokers=3") == "unknown flag --num_wokers; did you mean --num_workers?"
    assert _error("--env=x --num-workers=3") == "unknown flag --num-workers; did you mean --num_workers?"
    assert _error("--env=x --wide_aspect=True", family_options=DoomLikeOptions).endswith("--wide_aspect_ratio?")
    assert _error("--env=x --zzzzz=1") == "unknown flag --zzzzz"
    # Prefixes are not abbreviations: a new flag must not change what an old command means.
    assert "unknown flag --roll" in _error("--env=x --roll=32")


def test_two_values_for_one_flag_are_rejected():
    assert _error("--env=x --rollout 32 64") == "--rollout takes one value, not 2: 32 64"
    assert "unexpected argument 'train'" in _error("train --env=x")
    assert "unexpected argument '--'" in _error("--env=x --wandb_tags a --")


def test_a_missing_environment_is_one_line_and_a_missing_algorithm_is_appo():
    assert _error("--rollout=32") == "--env is required"
    assert _parse("--env=x").run.algo == "APPO"
    assert "bad value for --algo: 'A2C'" in _error("--env=x --algo=A2C")


def test_contradictions_reach_the_user_as_they_are():
    message = _error("--env=x --batch_size=100")
    assert message == "--batch_size=100 must be divisible by --rollout=32"


def test_saved_location_and_restart_behavior_do_not_outlive_the_run():
    saved = {"experiment": "old", "train_dir": "/old", "restart_behavior": "overwrite", "env": "doom_saved"}
    config = parse(["--experiment=moved"], Config, saved=saved)
    assert (config.run.experiment, config.run.restart_behavior) == ("moved", "resume")
    assert config.run.train_dir != "/old"
    assert config.run.env == "doom_saved"


def test_saved_options_that_no_longer_exist_are_reported_and_passed_over(caplog):
    _values("", saved={"forgotten": 1, "git_hash": "abc", "cli_args": {}})
    assert [record.getMessage() for record in caplog.records] == [
        "cfg.json has options that no longer exist, passed over: forgotten"
    ]


@pytest.mark.parametrize("value", ["many", 1.5, True, None, [1]])
def test_a_saved_value_of_the_wrong_type_is_named(value):
    message = _error("--env=x", saved={"rollout": value})
    assert message == f"cfg.json: bad value for --rollout: {value!r} is not a whole number"


def test_a_family_cannot_set_or_redefine_what_it_should_not():
    assert "unknown option --hiden_size; did you mean --hidden_size?" in _error("--env=x", defaults={"hiden_size": 1})
    assert "not one of" in _error("--env=x", defaults={"nonlinearity": "sine"})

    @dataclass(frozen=True)
    class Clash:
        rollout: int = 1

    assert "--rollout of Clash already exists" in _error("--env=x", family_options=Clash)


def test_values_survive_json():
    config = _parse(BASIC_RUN + " --encoder_mlp_layers 3 4 --timelimit=2", family_options=DoomLikeOptions)
    saved = json.loads(json.dumps(flat(config)))
    again = parse([f"--experiment={config.run.experiment}"], Config, DoomLikeOptions, {"timelimit": 9.0}, saved)
    assert again == config


def test_environment_factories_get_every_option_as_an_attribute():
    cfg = namespace(_parse("--env=x --res_w=64", family_options=DoomLikeOptions))
    assert (cfg.res_w, cfg.env, cfg.rollout) == (64, "x", 32)


def test_peek_finds_the_last_value_in_both_notations():
    argv = ["--env", "a", "--seed=1", "--env=b", "--no_render"]
    assert peek(argv, "env") == "b"
    assert peek(argv, "no_render") is None
    assert peek(argv, "algo") is None
    assert given_on_command_line(argv) == {"env": ["b"], "seed": ["1"], "no_render": []}


def test_help_lists_every_option_by_section_with_defaults_in_effect(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    with pytest.raises(SystemExit) as end:
        _parse("--help", family_options=DoomLikeOptions, defaults={"hidden_size": 77}, saved={"gamma": 0.123})
    assert end.value.code == 0
    printed = capsys.readouterr().out
    listed = {word for word in printed.split() if word.startswith("--")}
    values = flat(_parse("--env=x", family_options=DoomLikeOptions))
    assert {f"--{name}" for name in values} <= listed
    assert "(default: 77)" in printed and "(default: 0.123)" in printed
    assert printed.index("sampling options") < printed.index("learning options") < printed.index("family options")
    assert "Length of a match in minutes." in printed
    assert "(required)" in printed


def test_help_wins_over_mistakes(capsys):
    with pytest.raises(SystemExit) as end:
        _parse("-h --rollout=ab")
    assert end.value.code == 0
    assert "--rollout" in capsys.readouterr().out


def test_arguments_before_the_first_flag_may_get_a_name():
    assert name_leading(["a", "b*", "--port=1", "--tags", "x"], "masks") == [
        "--masks",
        "a",
        "b*",
        "--port=1",
        "--tags",
        "x",
    ]
    assert name_leading(["--port=1"], "masks") == ["--port=1"]
    assert name_leading([], "masks") == []
