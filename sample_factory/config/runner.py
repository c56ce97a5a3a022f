"""Options of studies: running many experiments, looking at them, trying again, cancelling. Know nothing about how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from sample_factory.config.checks import check_at_least, check_choices
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.run import default_train_dir


@dataclass(frozen=True, kw_only=True)
class RunnerRunConfig:
    """What to run, where, and how often to try."""

    run: str
    """Python module with a variable RUN_DESCRIPTION, importable from here; else the name of one in
    sample_factory.runner.runs."""
    runner: Literal["processes", "commands", "slurm", "ray", "ngc"] = "processes"
    """Where experiments run: on this machine, nowhere (their commands are written to commands.txt), on a Slurm or
    Ray cluster, or on NGC."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments; those of a run are in a folder with the name of the run."""
    experiment_suffix: str = ""
    """Appended to the names of the folders in which experiments are grouped."""
    pause_between: float = 10.0
    """Seconds between two starts."""
    max_retries: int = 1
    """How often to start an experiment again that has failed; trainings go on from their last checkpoint."""
    stop_timeout_seconds: float = 300.0
    """How long experiments may take to save and end when the runner is interrupted; then they are killed."""
    dry_run: bool = field(default=False, metadata={"bare": True})
    """Print what would be run, and do nothing."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_at_least(self, 0, "pause_between", "max_retries", "stop_timeout_seconds")
        if "/" in self.experiment_suffix:
            raise ValueError(f"--experiment_suffix={self.experiment_suffix} must not contain /")


@dataclass(frozen=True, kw_only=True)
class ProcessesConfig:
    """How this machine is shared (--runner=processes)."""

    max_parallel: int = 4
    """Experiments that run at the same time."""
    num_gpus: int = 1
    """GPUs to distribute experiments over."""
    experiments_per_gpu: int = -1
    """Experiments that share one GPU: each sees only that one, and none starts while all are full. With -1, every one
    sees all GPUs."""
    split_cores: bool = True
    """Give each of the experiments that run at the same time its own share of the CPU cores."""

    def __post_init__(self) -> None:
        check_at_least(self, 1, "max_parallel", "num_gpus")
        check_at_least(self, -1, "experiments_per_gpu")


_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, kw_only=True)
class SlurmConfig:
    """How jobs are submitted (--runner=slurm)."""

    slurm_max_parallel: int = 0
    """Experiments that run at the same time; 0: as many as the cluster has room for."""
    slurm_gpus_per_job: int = 1
    """GPUs of each experiment; 0: none are asked for."""
    slurm_cpus_per_gpu: int = 14
    """CPU cores of each experiment, for each of its GPUs; without GPUs, cores of each experiment."""
    slurm_partition: str | None = None
    """Partition of the cluster; by default the cluster's own choice."""
    slurm_timeout: str = "0"
    """Longest time of one job, as 90s, 30m, 4h or 2d. Before it is over the experiment saves, and goes on when its turn
    comes again. 0: the partition's own limit."""
    slurm_sbatch_template: str | None = None
    """File with the job script; {{ CMD }} is the command in it (at the end if it is not there), {{ FILENAME }} the
    script itself, {{ PARTITION }}, {{ GPU }}, {{ CPU }} and {{ TIMEOUT }} what the flags say."""
    slurm_workdir: str | None = None
    """Folder for job scripts and what jobs print; by default slurm in the run's folder."""
    slurm_print_only: bool = False
    """Print the job script and the command that submits it; without Slurm that is all there is to do anyway."""

    def __post_init__(self) -> None:
        check_at_least(self, 0, "slurm_max_parallel", "slurm_gpus_per_job")
        check_at_least(self, 1, "slurm_cpus_per_gpu")
        if not _DURATION.fullmatch(self.slurm_timeout):
            raise ValueError(f"--slurm_timeout={self.slurm_timeout} must be a time as 90s, 30m, 4h or 2d, or 0")

    @property
    def cores(self) -> int:
        """CPU cores of each experiment."""
        return self.slurm_cpus_per_gpu * max(1, self.slurm_gpus_per_job)

    @property
    def timeout_sec(self) -> float:
        """Longest time of one job; 0 if it is not limited here."""
        match = _DURATION.fullmatch(self.slurm_timeout)
        assert match is not None, "checked above"
        return float(match[1]) * _SECONDS[match[2]]


@dataclass(frozen=True, kw_only=True)
class NgcConfig:
    """How jobs are submitted (--runner=ngc)."""

    ngc_job_template: str | None = None
    """File with the command that submits a job, with {{ name }} and {{ experiment_cmd }} in the places of both."""
    ngc_print_only: bool = False
    """Print the commands instead of running them; without an ngc client that is all there is to do anyway."""


@dataclass(frozen=True, kw_only=True)
class RayConfig:
    """What experiments take of a Ray cluster (--runner=ray)."""

    ray_address: str = "auto"
    """host:port of the cluster; auto: RAY_ADDRESS of the environment, else the cluster that this machine is part of."""
    ray_cpus_per_experiment: float = 1.0
    """CPUs that Ray counts for each experiment; nothing is pinned to them."""
    ray_gpus_per_experiment: float = 0.0
    """GPUs for each experiment, which sees no others; 0.5: two experiments share one."""
    ray_max_parallel: int = 64
    """Experiments that Ray is given at the same time. Those that find no room on the cluster wait in its queue."""

    def __post_init__(self) -> None:
        check_at_least(self, 0, "ray_cpus_per_experiment", "ray_gpus_per_experiment")
        check_at_least(self, 1, "ray_max_parallel")
        if self.ray_gpus_per_experiment > 1 and self.ray_gpus_per_experiment % 1:
            raise ValueError(
                f"--ray_gpus_per_experiment={self.ray_gpus_per_experiment} must be a whole number, or less than 1"
            )


@dataclass(frozen=True, kw_only=True)
class RunnerConfig:
    """Everything that can be chosen about a study."""

    run: RunnerRunConfig
    processes: ProcessesConfig = field(default_factory=ProcessesConfig)
    slurm: SlurmConfig = field(default_factory=SlurmConfig)
    ngc: NgcConfig = field(default_factory=NgcConfig)
    ray: RayConfig = field(default_factory=RayConfig)
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: environments are named by the experiments."""

    def __post_init__(self) -> None:
        if self.run.runner == "ngc" and self.ngc.ngc_job_template is None:
            raise ValueError("--runner=ngc needs --ngc_job_template=<file with the command that submits a job>")


@dataclass(frozen=True, kw_only=True)
class StatusRunConfig:
    """A table of all experiments of a run."""

    folder: str
    """The run's folder (train_dir/<name of the run>); may be given without the flag."""
    watch: bool = field(default=False, metadata={"bare": True})
    """Show the table again and again until Ctrl-C."""


@dataclass(frozen=True, kw_only=True)
class StatusConfig:
    """Everything that can be chosen about the table."""

    run: StatusRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: environments are named by the experiments."""


@dataclass(frozen=True, kw_only=True)
class RetryRunConfig:
    """Make failed and cancelled experiments pending again, as if they had never been tried."""

    folder: str
    """The run's folder (train_dir/<name of the run>); may be given without the flag."""
    names: tuple[str, ...] = ()
    """Experiments, with or without the folder they are in; * and ? are wildcards. None at all: every failed one. May be
    given without the flag, after the folder."""


@dataclass(frozen=True, kw_only=True)
class RetryConfig:
    """Everything that can be chosen about trying again."""

    run: RetryRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: environments are named by the experiments."""


@dataclass(frozen=True, kw_only=True)
class CancelRunConfig:
    """Cancel experiments: running ones are asked to save and end, pending ones are not started."""

    folder: str
    """The run's folder (train_dir/<name of the run>); may be given without the flag."""
    names: tuple[str, ...] = ()
    """Experiments, with or without the folder they are in; * and ? are wildcards. None at all: every one. May be given
    without the flag, after the folder."""
    now: bool = field(default=False, metadata={"bare": True})
    """Kill instead of asking; what was trained since the last checkpoint is lost."""


@dataclass(frozen=True, kw_only=True)
class CancelConfig:
    """Everything that can be chosen about cancelling."""

    run: CancelRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: environments are named by the experiments."""
