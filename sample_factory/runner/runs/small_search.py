"""Sixteen trials on a small game, two seeds each, of which most are stopped early. Knows nothing about learning."""

from sample_factory.runner.run_description import RunDescription
from sample_factory.runner.runs.run_utils import seeds
from sample_factory.runner.search import HalvingExperiment, ParamSearch, log_uniform, whole

_params = ParamSearch(
    [
        ("learning_rate", log_uniform(1e-5, 1e-2)),
        ("exploration_loss_coeff", log_uniform(1e-4, 1e-1)),
        ("ppo_epochs", whole(1, 4)),
    ],
    trials=16,
    seeds=seeds(2),
)

RUN_DESCRIPTION = RunDescription(
    "small_search",
    experiments=[
        HalvingExperiment(
            "tmaze",
            "python -m sample_factory.algorithms.appo.train_appo --algo=APPO --env=tmaze_10 --device=cpu "
            "--hidden_size=64 --num_envs_per_worker=32 --train_for_env_steps=640000",
            _params.generate_params(),
            first_frames=40_000,
            num_rungs=2,
        ),
    ],
)
