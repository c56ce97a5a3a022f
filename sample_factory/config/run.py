"""Options of the run as a whole: what is trained, where it is kept, when it ends. Know nothing about how."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive

UNLIMITED = 10_000_000_000


def default_train_dir() -> str:
    """Folder train_dir in the current folder."""
    return os.path.join(os.getcwd(), "train_dir")


@dataclass(frozen=True, kw_only=True)
class ExperimentConfig:
    """What every kind of run needs: an environment, and a folder to write to."""

    algo: str
    """Algorithm."""
    env: str
    """Full name of the environment, starting with the prefix of its family (doom_basic, gym_CartPole-v1)."""
    experiment: str = "default_experiment"
    """Name of the experiment folder."""
    experiments_root: str | None = None
    """Folder inside train_dir in which to put the experiment."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments."""
    seed: int | None = None
    """Seed of everything random, environments included; None draws a new one every time."""

    def __post_init__(self) -> None:
        check_choices(self)
        if not self.env:
            raise ValueError("--env must not be empty")
        if self.seed is not None:
            check_at_least(self, 0, "seed")
        # The folder may be renamed or deleted on restart, so its name must not lead out of train_dir.
        _check_inside_train_dir("experiment", self.experiment)
        if self.experiments_root is not None:
            _check_inside_train_dir("experiments_root", self.experiments_root)


def _check_inside_train_dir(name: str, value: str) -> None:
    path = PurePath(value)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"--{name}={value} must be the name of a folder inside train_dir")


@dataclass(frozen=True, kw_only=True)
class RunConfig(ExperimentConfig):
    """What to train, where to keep it and when to stop."""

    algo: Literal["APPO"] = "APPO"
    """Algorithm."""
    device: Literal["gpu", "cpu"] = "gpu"
    """Device of learning and batched inference; falls back to the CPU on a machine without a usable GPU."""
    restart_behavior: Literal["resume", "restart", "overwrite"] = "resume"
    """If the experiment exists: go on with it, rename the old folder and start anew, or delete the old folder."""
    serial_mode: bool = False
    """Run everything in one process in a fixed order: for debugging, and bit-identical for equal seeds on the CPU."""
    train_for_env_steps: int = UNLIMITED
    """Stop when every policy has been trained on this many environment frames (those skipped by frameskip count)."""
    train_for_seconds: int = UNLIMITED
    """Stop after this many seconds, counted from the start of this process."""
    benchmark: bool = False
    """Measure throughput: no start-up decorrelation, and ends after 2 million environment frames or 1 million steps."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self, "train_for_env_steps", "train_for_seconds")
