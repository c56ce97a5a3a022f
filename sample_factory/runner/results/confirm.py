"""The best settings once more with seeds that nobody has chosen by. Knows no statistics.

The best of many settings looks better than it is, because it was chosen for its luck as well. New seeds say how good it
really is, so they go to a folder of their own, beside that of the study: a run like any other, with a ledger.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sample_factory.config.command_line import given_on_command_line, parse
from sample_factory.config.keywords import command_line
from sample_factory.config.runner import RunnerConfig
from sample_factory.runner.ledger import FILE_NAME, Ledger, Task
from sample_factory.runner.results.experiments import Experiment
from sample_factory.runner.results.study import Study
from sample_factory.runner.run import run_tasks

_SAID_ANEW = {"experiment", "experiments_root", "train_dir", "seed", "restart_behavior"}
_NOT_FOR_THE_RUNNER = {"run", "train_dir", "experiment_suffix"}


def runner_config(flags: str) -> RunnerConfig:
    """How the runner is to run the confirmation.

    Raises:
        ValueError: it has no such flags, or they say what is run or where it is put.
    """
    try:
        words = shlex.split(flags)
    except ValueError as error:
        raise ValueError(f"--runner_flags={flags} cannot be split: {error}") from None
    if said := _NOT_FOR_THE_RUNNER & set(given_on_command_line(words)):
        raise ValueError(f"--runner_flags={flags} must not have {', '.join(f'--{name}' for name in sorted(said))}")
    try:
        return parse(["--run=confirmation", *words], RunnerConfig)
    except ValueError as error:
        raise ValueError(f"--runner_flags={flags}: {error}") from None


def confirmation_folder(root: Path) -> Path:
    """Folder of the run that confirms the study in the folder `root`."""
    return root.with_name(f"{root.name}_confirm")


def confirmation(study: Study, by: str, count: int, folder: Path, program: str) -> list[Task]:
    """Trainings of the best setting of each environment with `count` new seeds.

    Args:
        folder: of the confirmation.

    Raises:
        ValueError: in some environment nobody has got far enough to be best.
    """
    used = [run.experiment.seed for results in study.envs for one in results.settings for run in one.runs]
    first = 1 + max((seed for seed in used if seed is not None), default=0)
    tasks = []
    for results in study.envs:
        best = results.best(by)
        if best is None:
            raise ValueError(f"no best setting of {results.env} yet: no experiment has had {results.horizon} frames")
        experiments = [experiment for one in results.settings for experiment in one.setting.experiments]
        options = given_options(best.setting.experiments[0], experiments, study.hyper_parameters)
        for seed in range(first, first + count):
            name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', results.env)}_see_{seed}"
            place = {"train_dir": str(folder.parent), "experiments_root": folder.name, "experiment": name}
            words = [*shlex.split(program), *command_line({**options, "seed": seed, **place})]
            tasks.append(Task(name, tuple(words), {}))
    return tasks


def confirm(tasks: Sequence[Task], folder: Path, config: RunnerConfig) -> int:
    """Run them, or go on with them; returns the runner's exit status.

    Raises:
        ValueError: some have been begun as another setting.
    """
    known = Ledger(folder, is_read_only=True).entries() if (folder / FILE_NAME).is_file() else []
    begun = {entry.name: entry.task.command for entry in known if entry.tries > 0}
    for task in tasks:
        if begun.get(task.name, task.command) != task.command:
            raise ValueError(
                f"{folder / task.name} was begun with another command, as the best setting was another one then: "
                f"move {folder} away to confirm this one"
            )
    return run_tasks(config, folder, tasks)


def given_options(best: Experiment, others: Sequence[Experiment], differing: Sequence[str]) -> dict[str, Any]:
    """The options that make the best setting what it is, with their values.

    They are those that were given for any experiment of the environment: one that was resumed by hand names fewer on
    its last command line than it was begun with.
    """
    names: dict[str, None] = {"env": None}
    for experiment in (best, *others):
        names |= dict.fromkeys(_given(experiment.cfg))
    names |= dict.fromkeys(differing)
    return {name: best.cfg[name] for name in names if name in best.cfg and name not in _SAID_ANEW}


def _given(cfg: Mapping[str, Any]) -> list[str]:
    """Names on the command line of an experiment; version 1 wrote it down as well."""
    text = cfg.get("command_line")
    try:
        return list(given_on_command_line(shlex.split(text))) if isinstance(text, str) else []
    except ValueError:
        return []
