"""Contradictory and impossible options. Knows no command line."""

from __future__ import annotations

import math

import pytest

from sample_factory.config.checkpoint import CheckpointConfig
from sample_factory.config.config import Config
from sample_factory.config.dummy_sampler import DummySamplerConfig
from sample_factory.config.environment import EnvConfig
from sample_factory.config.evaluation import EvaluationConfig
from sample_factory.config.learning import LearningConfig
from sample_factory.config.model import ModelConfig
from sample_factory.config.population import PbtConfig
from sample_factory.config.run import RunConfig
from sample_factory.config.sampling import SamplingConfig
from sample_factory.config.values import build

CONTRADICTIONS = [
    ({"num_envs_per_worker": 5, "worker_num_splits": 2}, ["--num_envs_per_worker=5", "--worker_num_splits=2"]),
    ({"inference": "inline", "policy_workers_per_policy": 2}, ["--inference=inline", "--policy_workers_per_policy=2"]),
    ({"batch_size": 1000}, ["--batch_size=1000", "--rollout=32"]),
    ({"recurrence": 16}, ["--recurrence=16", "--rollout=32", "--with_vtrace=True", "--use_rnn=True"]),
    ({"recurrence": 20, "with_vtrace": False}, ["--recurrence=20", "--rollout=32"]),
    ({"recurrence": 20, "with_vtrace": False, "use_rnn": False}, ["--recurrence=20", "--rollout=32"]),
    ({"save_milestones_sec": 60}, ["--save_milestones_sec=60", "--save_every_sec=120"]),
    ({"pbt_perturb_min": 1.4, "pbt_perturb_max": 1.2}, ["--pbt_perturb_min=1.4", "--pbt_perturb_max=1.2"]),
    ({"save_video": True, "sample_env_episodes": 9}, ["--save_video=True", "--sample_env_episodes=9"]),
    ({"max_num_frames": 50, "sample_env_episodes": 9}, ["--max_num_frames=50", "--sample_env_episodes=9"]),
    ({"use_cpc": True, "cpc_forward_steps": 32}, ["--cpc_forward_steps=32", "--rollout=32"]),
    (
        {"use_cpc": True, "recurrence": 8, "with_vtrace": False},
        ["--cpc_forward_steps=8", "--recurrence=8", "--with_vtrace=False"],
    ),
    ({"use_cpc": True, "cpc_forward_subsample": 9}, ["--cpc_forward_subsample=9", "--cpc_forward_steps=8"]),
    ({"policy_index": 1}, ["--policy_index=1", "--num_policies=1"]),
]


@pytest.mark.parametrize(("values", "parts"), CONTRADICTIONS)
def test_a_contradiction_names_all_flags_involved_and_their_values(values, parts):
    with pytest.raises(ValueError) as error:
        build(Config, None, {"env": "gym_x", **values})
    assert all(part in str(error.value) for part in parts)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "values",
    [
        {"use_rnn": False, "recurrence": 1, "with_vtrace": False},
        {"use_rnn": False, "recurrence": 1},
        {"recurrence": 8, "with_vtrace": False},
        {"normalize_returns": True, "with_vtrace": True},
        {"serial_mode": True, "num_workers": 7},
        {"save_milestones_sec": 1800},
        {"rollout": 128, "recurrence": 128, "batch_size": 1024, "num_batches_per_iteration": 10},
        {"max_grad_norm": 0.0, "reward_clip": math.inf},
        {"use_cpc": True, "cpc_forward_steps": 31, "cpc_forward_subsample": 31},
        {"use_cpc": True, "with_vtrace": False, "recurrence": 16},
        {"cpc_forward_steps": 100, "cpc_forward_subsample": 200},
    ],
)
def test_combinations_that_make_sense_are_accepted(values):
    config = build(Config, None, {"env": "gym_x", **values})
    assert isinstance(config, Config)


@pytest.mark.parametrize(
    ("section_type", "name", "value"),
    [
        (LearningConfig, "gamma", 0.0),
        (LearningConfig, "gamma", 1.01),
        (LearningConfig, "gamma", math.nan),
        (LearningConfig, "learning_rate", math.nan),
        (LearningConfig, "reward_clip", 0.0),
        (LearningConfig, "ppo_clip_ratio", -0.1),
        (LearningConfig, "adam_beta2", 1.0),
        (LearningConfig, "gae_lambda", 1.5),
        (LearningConfig, "batch_size", 0),
        (LearningConfig, "recurrence", 0),
        (LearningConfig, "num_minibatches_to_accumulate", -2),
        (LearningConfig, "max_policy_lag", -1),
        (LearningConfig, "exploration_loss", "entropie"),
        (LearningConfig, "lr_schedule", "linear"),
        (LearningConfig, "precision", "float16"),
        (LearningConfig, "cpc_time_subsample", 0),
        (ModelConfig, "initial_stddev", 0.0),
        (ModelConfig, "hidden_size", 0),
        (ModelConfig, "obs_scale", 0.0),
        (ModelConfig, "encoder_mlp_layers", (64, 0)),
        (ModelConfig, "rnn_type", "rnn"),
        (SamplingConfig, "num_workers", 0),
        (SamplingConfig, "rollout", 0),
        (SamplingConfig, "traj_buffers_excess_ratio", 0.9),
        (SamplingConfig, "default_niceness", 20),
        (SamplingConfig, "actor_worker_gpus", (0, -1)),
        (SamplingConfig, "max_restarts", -1),
        (SamplingConfig, "stall_timeout_seconds", 0),
        (CheckpointConfig, "keep_checkpoints", 0),
        (CheckpointConfig, "save_every_updates", -1),
        (PbtConfig, "pbt_replace_fraction", 1.1),
        (EnvConfig, "env_frameskip", 0),
        (EnvConfig, "pixel_format", "CWH"),
        (EvaluationConfig, "video_name", "video.avi"),
        (EvaluationConfig, "max_num_episodes", 0),
        (DummySamplerConfig, "num_envs_per_worker", 0),
        (DummySamplerConfig, "sampler_worker_gpus", (-1,)),
    ],
)
def test_a_section_rejects_an_impossible_value_by_name(section_type, name, value):
    with pytest.raises(ValueError, match=f"--{name}="):
        section_type(**{name: value})


@pytest.mark.parametrize("values", [{"train_for_env_steps": 0}, {"seed": -1}, {"env": ""}, {"device": "tpu"}])
def test_a_run_rejects_an_impossible_value_by_name(values):
    with pytest.raises(ValueError, match=f"--{next(iter(values))}"):
        RunConfig(**{"env": "gym_x", **values})


@pytest.mark.parametrize("name", ["experiment", "experiments_root"])
@pytest.mark.parametrize("value", ["", "..", "../other", "a/../../b", "/etc"])
def test_no_experiment_is_outside_train_dir(name, value):
    with pytest.raises(ValueError, match=f"--{name}="):
        RunConfig(env="gym_x", **{name: value})
