"""From the flags to the place where experiments run. Does not know what becomes of it.

The name of a new place is in three files: `--runner` in `config/runner.py`, here, and `attempts.py` if others than its
runner can look after its attempts.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sample_factory.config.runner import RunnerConfig
from sample_factory.runner.backends import ngc, processes, ray, slurm, slurm_arrays
from sample_factory.runner.backends.backend import Queue, Starter
from sample_factory.runner.ledger import Task


class OnlyPrinted(NamedTuple):
    """Nothing can be started, or nothing should be: what would be done is all there is."""

    lines: list[str]
    why: str


def choose(config: RunnerConfig, folder: Path, tasks: Sequence[Task]) -> Starter | Queue | OnlyPrinted:
    """The place that `--runner` names; nothing is started or written.

    Args:
        config: of the study.
        folder: of the run; it need not exist.
        tasks: all of its experiments.

    Raises:
        ValueError: the options ask for what is not there.
    """
    return PLACES[config.run.runner](config, folder, tasks)


def _processes(config: RunnerConfig, folder: Path, tasks: Sequence[Task]) -> Starter:
    return processes.Processes(folder, config.processes, len(tasks))


def _slurm(config: RunnerConfig, folder: Path, tasks: Sequence[Task]) -> Queue | OnlyPrinted:
    options = config.slurm
    place = slurm.Slurm(folder, options, config.run.stop_timeout_seconds)
    if not options.slurm_print_only and slurm_arrays.is_installed():
        return place
    programs = ", ".join(slurm_arrays.PROGRAMS)
    why = "as asked" if options.slurm_print_only else f"there are no programs {programs}"
    submission = place.submission([task.name for task in tasks], options.slurm_max_parallel)
    script = [f"# {submission.script}", *submission.text.splitlines()]
    return OnlyPrinted([*script, shlex.join(submission.command)], f"only printed: {why}")


def _ngc(config: RunnerConfig, folder: Path, tasks: Sequence[Task]) -> Starter | OnlyPrinted:
    assert config.ngc.ngc_job_template is not None, "checked with the options"
    template = ngc.JobTemplate(Path(config.ngc.ngc_job_template).expanduser())
    if not config.ngc.ngc_print_only and template.is_installed():
        return ngc.Ngc(template)
    why = "as asked" if config.ngc.ngc_print_only else f"there is no program {template.program}"
    return OnlyPrinted([shlex.join(template.fill_in(task)) for task in tasks], f"only printed: {why}")


def _ray(config: RunnerConfig, folder: Path, tasks: Sequence[Task]) -> Starter:
    return ray.Ray(folder, config.ray)


PLACES: Mapping[str, Callable[[RunnerConfig, Path, Sequence[Task]], Starter | Queue | OnlyPrinted]] = {
    processes.NAME: _processes,
    slurm.NAME: _slurm,
    ngc.NAME: _ngc,
    ray.NAME: _ray,
}
