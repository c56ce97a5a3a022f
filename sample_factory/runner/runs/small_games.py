"""Small games with known optima, three seeds each: a study of minutes on any machine. Knows nothing about learning."""

from sample_factory.runner.run_description import Experiment, ParamGrid, RunDescription
from sample_factory.runner.runs.run_utils import seeds

_params = ParamGrid([("env", ["bandit_4", "recall_5", "tmaze_10"]), ("seed", seeds(3))])

RUN_DESCRIPTION = RunDescription(
    "small_games",
    experiments=[
        Experiment(
            "small",
            "python -m sample_factory.algorithms.appo.train_appo --algo=APPO --device=cpu --hidden_size=64 "
            "--learning_rate=0.001 --num_envs_per_worker=32 --train_for_env_steps=500000 "
            "--experiment_summaries_interval=2",
            _params.generate_params(randomize=False),
        ),
    ],
)
