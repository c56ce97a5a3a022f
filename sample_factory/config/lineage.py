"""Options of the picture of a population's lineage. Know nothing about pictures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.run import ExperimentConfig, default_train_dir

FORMATS = (".svg", ".png", ".pdf")


@dataclass(frozen=True, kw_only=True)
class LineageRunConfig:
    """The family tree of a population-based training run, its objectives and one of its hyper-parameters."""

    experiment: str = ExperimentConfig.experiment
    """Name of the experiment folder."""
    experiments_root: str | None = None
    """Folder inside train_dir in which the experiment is."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments."""
    parameter: str = "learning_rate"
    """Hyper-parameter to draw, or a value of the reward shaping (with its path joined by _, as in TensorBoard)."""
    out: str | None = None
    """File to write, ending in .svg, .png or .pdf; None is lineage.svg in the experiment folder."""

    def __post_init__(self) -> None:
        if self.out is None:
            return
        if Path(self.out).suffix not in FORMATS:
            raise ValueError(f"--out={self.out} must end in {', '.join(FORMATS[:-1])} or {FORMATS[-1]}")
        if not Path(self.out).absolute().parent.is_dir():
            raise ValueError(f"--out={self.out} is in a folder that does not exist")


@dataclass(frozen=True, kw_only=True)
class LineageConfig:
    """Everything that can be chosen about the picture."""

    run: LineageRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: no environment is made."""
