"""The study of six tasks of VizDoom with ten seeds, as short as trainings can be: sixty jobs for any machine.

Knows nothing about where they run.
"""

from sample_factory.runner.run_description import Experiment, RunDescription
from sample_factory.runner.runs import doom_basic_envs

(_long,) = doom_basic_envs.RUN_DESCRIPTION.experiments

RUN_DESCRIPTION = RunDescription(
    "doom_basic_envs_appo",
    experiments=[
        Experiment(
            _long.base_name,
            f"{_long.cmd} --train_for_env_steps=4000 --num_workers=1 --num_envs_per_worker=2 --rollout=32 "
            "--recurrence=32 --batch_size=256 --device=cpu",
            _long.params,
        ),
    ],
)
