"""Options of the results of a study. Know nothing about files and statistics."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive
from sample_factory.config.config import NoFamilyOptions


@dataclass(frozen=True, kw_only=True)
class ResultsRunConfig:
    """What all experiments below some folders have come to: a table, statistics over seeds and learning curves.

    Experiments whose options are equal but for the seed are one setting. What is about names, folders, limits of
    training, checkpoints, reporting and evaluation is not compared.
    """

    folders: tuple[str, ...]
    """Run folders, experiments, or masks of them in quotes; may stand first, without the flag."""
    out: str | None = None
    """Folder to write to; None is `results` in the folder that was named, or in the one that has all of them."""
    metric: str | None = None
    """Summary by which experiments are judged; None is 0_aux/avg_true_reward where all experiments of an environment
    have it, else 0_aux/avg_reward."""
    by: Literal["final", "auc"] = "final"
    """Best by the final score (mean over the last 10 % of frames) or by the area under the curve (mean over all)."""
    frames: int | None = None
    """Frames at which experiments are compared; None is, in each environment, as many as all that are done have had."""
    policy: int | Literal["mean", "best"] = "mean"
    """Of experiments with several policies: the mean of all, the best one of each experiment, or the one with this
    number."""
    ignore: tuple[str, ...] = ()
    """Options in which experiments of one setting may differ, such as num_workers."""
    tags: tuple[str, ...] = ("*",)
    """Masks of the summaries that the table gets."""
    reference: str | None = None
    """JSON file {environment: [score that is 0, score that is 1]} for results over several environments; None takes the
    worst and the best final score of the study."""
    resamples: int = 2000
    """Bootstrap samples."""
    figures: bool = True
    """Draw curves and performance profiles."""
    confirm: int = 0
    """Print the commands that train the best setting of each environment with so many new seeds."""
    run: bool = field(default=False, metadata={"bare": True})
    """Run these commands as a run of their own, <folder>_confirm, or go on with it; by --runner_flags."""
    runner_flags: str = "--max_parallel=1 --pause_between=0"
    """How to run them: flags of sample_factory.runner.run in quotes, such as '--runner=processes --max_parallel=4'."""
    program: str = "python -m sample_factory.algorithms.appo.train_appo"
    """What the commands begin with: the script that registers your environment."""

    def __post_init__(self) -> None:
        check_choices(self)
        check_positive(self, "resamples")
        check_at_least(self, 0, "confirm")
        if self.frames is not None:
            check_positive(self, "frames")
        if isinstance(self.policy, int):
            check_at_least(self, 0, "policy")
        if not self.folders:
            raise ValueError("no folders given: name run folders or experiments first")
        if self.run and not self.confirm:
            raise ValueError("--run=True is for the commands of --confirm, which is 0")
        if not shlex.split(self.program):
            raise ValueError("--program must not be empty")
        if self.reference is not None and not Path(self.reference).is_file():
            raise ValueError(f"--reference={self.reference} is not a file")


@dataclass(frozen=True, kw_only=True)
class ResultsConfig:
    """Everything that can be chosen about results."""

    run: ResultsRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: no environment is made."""
