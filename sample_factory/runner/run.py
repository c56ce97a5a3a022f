"""Entry point: `python -m sample_factory.runner.run --run=<module> --runner=<where>`, a whole study.

The same command goes on where it was: `ledger.sqlite` in the run's folder says what is done. Trains nothing itself.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from sample_factory.config.command_line import parse
from sample_factory.config.experiment import create
from sample_factory.config.runner import RunnerConfig
from sample_factory.runner import scheduler
from sample_factory.runner.backends.backend import Queue, Starter
from sample_factory.runner.backends.choice import OnlyPrinted, choose
from sample_factory.runner.backends.commands import shell_command, write_commands
from sample_factory.runner.halving import Halving, halvings
from sample_factory.runner.ledger import Ledger, Task
from sample_factory.runner.mistakes import exit_status
from sample_factory.runner.run_description import Experiment, RunDescription
from sample_factory.runner.search import HalvingExperiment
from sample_factory.system.folder_lock import FolderLock
from sample_factory.system.logs import configure_supervisor_logging, reset_logging
from sample_factory.system.process import interrupt_flag

_BUNDLED = "sample_factory.runner.runs"

log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a study; returns the exit status: 0 success, 1 an experiment has failed, 2 interrupted."""
    return exit_status(_main, argv)


def load_run(name: str) -> RunDescription:
    """RUN_DESCRIPTION of a module, or of one of that name in sample_factory.runner.runs.

    Raises:
        ValueError: there is no such module, it does not import, or has none.
    """
    module = _imported(name) or _imported(f"{_BUNDLED}.{name}")
    if module is None:
        raise ValueError(
            f"--run={name}: there is no module {name} in the current folder or PYTHONPATH, or in {_BUNDLED}"
        )
    description = getattr(module, "RUN_DESCRIPTION", None)
    if not isinstance(description, RunDescription):
        raise ValueError(f"--run={name}: {module.__file__} has no variable RUN_DESCRIPTION = RunDescription(...)")
    return description


def plan(description: RunDescription, train_dir: str) -> list[Task]:
    """The experiments of a study, in order.

    Raises:
        ValueError: a command is empty or has unbalanced quotes.
    """
    tasks = []
    for planned in description.generate_experiments(train_dir, makedirs=False):
        folder = Path(planned.root_dir).relative_to(description.run_name)
        try:
            words = shlex.split(planned.command)
        except ValueError as error:
            raise ValueError(f"RUN_DESCRIPTION: the command of {planned.name} cannot be split: {error}") from None
        tasks.append(Task(str(folder / planned.name), tuple(words), planned.env_vars))
    if not tasks:
        raise ValueError(f"RUN_DESCRIPTION {description.run_name!r} has no experiments")
    return tasks


def _main(argv: Sequence[str]) -> int:
    config = parse(argv, RunnerConfig)
    description = load_run(config.run.run)
    description.experiment_suffix = config.run.experiment_suffix
    train_dir = Path(config.run.train_dir).expanduser().absolute()
    folder = train_dir / description.run_name
    tasks = plan(description, str(train_dir))
    return run_tasks(config, folder, tasks, description.experiments)


def run_tasks(config: RunnerConfig, folder: Path, tasks: Sequence[Task], experiments: Sequence[Experiment] = ()) -> int:
    """Run them, or go on with them, in a run's folder; returns the exit status.

    Args:
        config: how; `--run` says nothing here.
        folder: of the run.
        tasks: all that there are.
        experiments: what they come from, if that says more about them.

    Raises:
        ValueError: something that the user can mend.
    """
    if config.run.runner in ("commands", "ngc") and any(isinstance(one, HalvingExperiment) for one in experiments):
        raise ValueError(
            f"--runner={config.run.runner} does not see how far experiments are, and a HalvingExperiment stops them "
            "early: make it an Experiment, or choose another runner"
        )
    if config.run.dry_run:
        return _print([shell_command(task) for task in tasks], f"{len(tasks)} experiments in {folder}")
    place = None if config.run.runner == "commands" else choose(config, folder, tasks)
    if isinstance(place, OnlyPrinted):
        return _print(place.lines, place.why)
    create(folder)
    with FolderLock(folder):
        ledger = Ledger.create(folder)
        gone = ledger.enter(tasks)
        for root in {(folder / task.name).parent for task in tasks}:
            create(root)
        if place is None:
            return _write_commands(ledger, tasks)
        return _schedule(config, ledger, place, tasks, gone, halvings(experiments, tasks, ledger))


def _schedule(
    config: RunnerConfig,
    ledger: Ledger,
    backend: Starter | Queue,
    tasks: Sequence[Task],
    gone: Sequence[str],
    halvings: Sequence[Halving],
) -> int:
    options = config.run
    signals: list[int] = []
    with contextlib.ExitStack() as exits:
        exits.callback(reset_logging)
        configure_supervisor_logging(ledger.folder, logging.StreamHandler(sys.stdout))
        exits.enter_context(interrupt_flag(signals.append))
        log.info("%d experiments in %s, runner %s", len(tasks), ledger.folder, backend.name)
        if gone:
            log.warning("%d earlier experiments are not in the run description, and stay as they are", len(gone))
        names = [task.name for task in tasks]
        experiments = scheduler.Scheduler(
            ledger, backend, names, options.max_retries, options.pause_between, halvings=halvings
        )
        return scheduler.run(experiments, backend.poll_sec, options.stop_timeout_seconds, lambda: bool(signals))


def _write_commands(ledger: Ledger, tasks: Sequence[Task]) -> int:
    to_do = {entry.name for entry in ledger.entries() if entry.state in ("pending", "failed")}
    path = write_commands(ledger.folder, [task for task in tasks if task.name in to_do])
    print(f"{len(to_do)} commands in {path}")
    return scheduler.SUCCESS


def _print(lines: Sequence[str], conclusion: str) -> int:
    print("\n".join([*lines, f"# {conclusion}"]), flush=True)
    return scheduler.SUCCESS


def _imported(name: str) -> ModuleType | None:
    """None if there is no such module; one that is there and fails is another matter."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            return None
        raise ValueError(f"cannot import {name}: {error}{_place(error)}") from error
    except Exception as error:  # a user's script may fail in any way
        raise ValueError(f"cannot import {name}: {type(error).__name__}: {error}{_place(error)}") from error


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


if __name__ == "__main__":
    sys.exit(main())
