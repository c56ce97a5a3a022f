"""Two learning rates on a game of memory, five seeds each: minutes on two cores. Knows nothing about learning."""

from sample_factory.runner.run_description import Experiment, ParamGrid, RunDescription
from sample_factory.runner.runs.run_utils import seeds

_params = ParamGrid([("learning_rate", [0.0025, 0.00025]), ("seed", seeds(5))])

RUN_DESCRIPTION = RunDescription(
    "tmaze_rates",
    experiments=[
        Experiment(
            "tmaze",
            "python -m sample_factory.algorithms.appo.train_appo --algo=APPO --env=tmaze_10 --device=cpu "
            "--use_rnn=True --hidden_size=64 --num_workers=1 --num_envs_per_worker=32 --train_for_env_steps=500000 "
            "--experiment_summaries_interval=1",
            _params.generate_params(randomize=False),
        ),
    ],
)
