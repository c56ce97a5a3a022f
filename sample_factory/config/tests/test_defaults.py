"""The names and defaults of flags, which users' scripts depend on. Knows no meaning."""

from __future__ import annotations

import ast
import inspect
import os

import pytest

from sample_factory.config.config import Config
from sample_factory.config.dummy_sampler import DummyConfig, DummyRunConfig
from sample_factory.config.run import RunConfig
from sample_factory.config.sampling import available_cores
from sample_factory.config.values import flat, section_types

ESTABLISHED_DEFAULTS = {
    "algo": "APPO",
    "experiment": "default_experiment",
    "experiments_root": None,
    "train_dir": os.path.join(os.getcwd(), "train_dir"),
    "device": "gpu",
    "seed": None,
    "save_every_sec": 120,
    "keep_checkpoints": 3,
    "save_milestones_sec": -1,
    "stats_avg": 100,
    "learning_rate": 1e-4,
    "lr_schedule": "constant",
    "lr_schedule_kl_threshold": 0.008,
    "train_for_env_steps": 10_000_000_000,
    "train_for_seconds": 10_000_000_000,
    "obs_subtract_mean": 0.0,
    "obs_scale": 1.0,
    "gamma": 0.99,
    "reward_scale": 1.0,
    "reward_clip": 10.0,
    "encoder_type": "conv",
    "encoder_subtype": "convnet_simple",
    "encoder_custom": None,
    "encoder_extra_fc_layers": 1,
    "hidden_size": 512,
    "nonlinearity": "elu",
    "policy_initialization": "orthogonal",
    "policy_init_gain": 1.0,
    "actor_critic_share_weights": True,
    "use_spectral_norm": False,
    "adaptive_stddev": True,
    "initial_stddev": 1.0,
    "experiment_summaries_interval": 20,
    "adam_eps": 1e-6,
    "adam_beta1": 0.9,
    "adam_beta2": 0.999,
    "gae_lambda": 0.95,
    "rollout": 32,
    "num_workers": available_cores(),
    "recurrence": 32,
    "use_rnn": True,
    "rnn_type": "gru",
    "rnn_num_layers": 1,
    "ppo_clip_ratio": 0.1,
    "ppo_clip_value": 1.0,
    "batch_size": 1024,
    "num_batches_per_iteration": 1,
    "ppo_epochs": 1,
    "num_minibatches_to_accumulate": -1,
    "max_grad_norm": 4.0,
    "exploration_loss_coeff": 0.003,
    "value_loss_coeff": 0.5,
    "kl_loss_coeff": 0.0,
    "exploration_loss": "entropy",
    "max_entropy_coeff": 0.0,
    "num_envs_per_worker": 2,
    "worker_num_splits": 2,
    "num_policies": 1,
    "policy_workers_per_policy": 1,
    "max_policy_lag": 10000,
    "traj_buffers_excess_ratio": 1.3,
    "decorrelate_experience_max_seconds": 10,
    "decorrelate_envs_on_one_worker": True,
    "with_vtrace": True,
    "vtrace_rho": 1.0,
    "vtrace_c": 1.0,
    "set_workers_cpu_affinity": True,
    "force_envs_single_thread": True,
    "reset_timeout_seconds": 120,
    "default_niceness": 0,
    "train_in_background_thread": True,
    "learner_main_loop_num_cores": 1,
    "actor_worker_gpus": (),
    "with_pbt": False,
    "pbt_mix_policies_in_one_env": True,
    "pbt_period_env_steps": 5_000_000,
    "pbt_start_mutation": 20_000_000,
    "pbt_replace_fraction": 0.3,
    "pbt_mutation_rate": 0.15,
    "pbt_replace_reward_gap": 0.1,
    "pbt_replace_reward_gap_absolute": 1e-6,
    "pbt_optimize_batch_size": False,
    "pbt_optimize_gamma": False,
    "pbt_target_objective": "true_reward",
    "pbt_perturb_min": 1.05,
    "pbt_perturb_max": 1.5,
    "use_cpc": False,
    "cpc_forward_steps": 8,
    "cpc_time_subsample": 6,
    "cpc_forward_subsample": 2,
    "with_wandb": False,
    "wandb_user": None,
    "wandb_project": "sample_factory",
    "wandb_group": None,
    "wandb_job_type": "SF",
    "wandb_tags": (),
    "benchmark": False,
    "sampler_only": False,
    "env_frameskip": None,
    "env_framestack": 4,
    "pixel_format": "CHW",
    "fps": 0,
    "render_action_repeat": None,
    "no_render": False,
    "policy_index": 0,
    "continuous_actions_sample": True,
}

NEW_DEFAULTS = {
    "self_play_pool_size": 0,
    "self_play_save_every": 1_000_000,
    "self_play_past_share": 0.5,
    "env_backend": "auto",
    "reward_shaping": "{}",
    "core_custom": None,
    "action_distribution_custom": None,
    "restart_behavior": "resume",
    "serial_mode": False,
    "inference": "auto",
    "stall_timeout_seconds": 120,
    "max_restarts": 5,
    "precision": "auto",
    "normalize_input": False,
    "normalize_returns": False,
    "encoder_mlp_layers": (),
    "save_every_updates": 0,
    "save_best_every_sec": 5,
    "save_best_metric": "reward",
    "save_best_after": 100_000,
    "record_to": None,
    "eval_deterministic": False,
    "save_video": False,
    "video_name": None,
    "video_frames": 1_000_000_000,
    "overlay": True,
    "max_num_frames": 1_000_000_000,
    "max_num_episodes": 1_000_000_000,
    "sample_env_episodes": 0,
    "load_checkpoint_kind": "latest",
}

DUMMY_DEFAULTS = {
    "num_envs_per_worker": 1,
    "sample_env_frames": 2_000_000_000,
    "sample_env_frames_per_worker": 1_000_000_000,
    "timeout_seconds": 600,
    "set_workers_cpu_affinity": True,
    "sampler_worker_gpus": (),
}


def test_training_has_exactly_the_documented_flags_and_defaults():
    config = Config(run=RunConfig(env="doom_basic"))
    assert flat(config) == {"env": "doom_basic", **ESTABLISHED_DEFAULTS, **NEW_DEFAULTS}


def test_dummy_sampler_keeps_its_defaults():
    values = flat(DummyConfig(run=DummyRunConfig(env="doom_benchmark")))
    assert {name: values[name] for name in DUMMY_DEFAULTS} == DUMMY_DEFAULTS
    assert values["algo"] == "DUMMY_SAMPLER"


@pytest.mark.parametrize("root_type", [Config, DummyConfig])
def test_every_option_has_one_line_of_help_ending_in_a_full_stop(root_type):
    for section_type in section_types(root_type, None).values():
        (definition,) = ast.parse(inspect.getsource(section_type)).body
        assert isinstance(definition, ast.ClassDef)
        for option, docstring in zip(definition.body, definition.body[1:], strict=False):
            if isinstance(option, ast.AnnAssign):
                assert isinstance(docstring, ast.Expr), ast.unparse(option)
                assert ast.literal_eval(docstring.value).endswith("."), ast.unparse(option)
