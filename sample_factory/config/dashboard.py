"""Options of the page that shows experiments. Know nothing about pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sample_factory.config.checks import check_port
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.run import default_train_dir


@dataclass(frozen=True, kw_only=True)
class DashboardRunConfig:
    """A page, on this machine only, that shows the experiments below a folder; it only reads."""

    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments; may stand first, without the flag."""
    port: int = 7006
    """First port to try; the next free one is taken."""

    def __post_init__(self) -> None:
        check_port(self)


@dataclass(frozen=True, kw_only=True)
class DashboardConfig:
    """Everything that can be chosen."""

    run: DashboardRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: no environment is made."""

    def __post_init__(self) -> None:
        # Not in the section: help is shown wherever it is asked for.
        if not Path(self.run.train_dir).expanduser().is_dir():
            raise ValueError(f"--train_dir={self.run.train_dir} is not a folder")
