"""The best settings once more with seeds that nobody has chosen by. Knows no statistics.

The best of many settings looks better than it is, because it was chosen for its luck as well. New seeds say how good it
really is, so they go to a folder of their own, beside that of the study.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sample_factory.config.command_line import given_on_command_line
from sample_factory.config.keywords import command_line
from sample_factory.runner.results.experiments import Experiment
from sample_factory.runner.results.study import Study
from sample_factory.system.process import interrupt_flag

_SAID_ANEW = {"experiment", "experiments_root", "train_dir", "seed", "restart_behavior"}
_POLL_SEC = 0.2
INTERRUPTED = 2


def confirmation(study: Study, by: str, count: int, root: Path, program: str) -> list[list[str]]:
    """Commands that train the best setting of each environment with `count` new seeds, as lists of arguments.

    Args:
        root: folder of the study.

    Raises:
        ValueError: in some environment nobody has got far enough to be best.
    """
    used = [run.experiment.seed for results in study.envs for one in results.settings for run in one.runs]
    first = 1 + max((seed for seed in used if seed is not None), default=0)
    commands = []
    for results in study.envs:
        best = results.best(by)
        if best is None:
            raise ValueError(f"no best setting of {results.env} yet: no experiment has had {results.horizon} frames")
        experiments = [experiment for one in results.settings for experiment in one.setting.experiments]
        options = given_options(best.setting.experiments[0], experiments, study.hyper_parameters)
        for seed in range(first, first + count):
            name = f"{re.sub(r'[^A-Za-z0-9_.-]', '_', results.env)}_see_{seed}"
            place = {"train_dir": str(root.parent), "experiments_root": f"{root.name}_confirm", "experiment": name}
            commands.append([*shlex.split(program), *command_line({**options, "seed": seed, **place})])
    return commands


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


def run_all(commands: Sequence[Sequence[str]]) -> int:
    """Run one after the other; returns 0, the first status that is not 0, or 2 after SIGINT or SIGTERM.

    A run that is interrupted saves; the same command goes on with it.
    """
    signals: list[int] = []
    with interrupt_flag(signals.append):
        for command in commands:
            print(shlex.join(command), flush=True)
            status = _run(command, signals)
            if signals:
                return INTERRUPTED
            if status:
                return status
    return 0


def _run(command: Sequence[str], signals: Sequence[int]) -> int:
    program = sys.executable if command[0] == "python" else command[0]
    try:
        # A session of its own: Ctrl-C must reach it once, and from here.
        child = subprocess.Popen([program, *command[1:]], start_new_session=True)
    except OSError as error:
        raise ValueError(f"cannot run {command[0]}: {error.strerror or error}") from None
    is_told = False
    while (status := child.poll()) is None:
        if signals and not is_told:
            child.send_signal(signal.SIGINT)
            is_told = True
        time.sleep(_POLL_SEC)
    return status


def _given(cfg: Mapping[str, Any]) -> list[str]:
    """Names on the command line of an experiment; version 1 wrote it down as well."""
    text = cfg.get("command_line")
    try:
        return list(given_on_command_line(shlex.split(text))) if isinstance(text, str) else []
    except ValueError:
        return []
