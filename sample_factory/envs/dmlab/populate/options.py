"""Options of the tool that fills the level cache. Know no process and no store."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sample_factory.config.checks import check_at_least, check_positive
from sample_factory.config.config import NoFamilyOptions
from sample_factory.envs.dmlab.options import DmlabOptions
from sample_factory.system.cores import available_cores


@dataclass(frozen=True, kw_only=True)
class PopulateOptions:
    """How much to make of what, and where to."""

    dmlab_level_cache_path: str = DmlabOptions.dmlab_level_cache_path
    """Folder of the level cache; what it has already counts."""
    dmlab_level_cache_max_gb: float | None = None
    """The cache takes no more levels than this; None sets no limit."""
    num_workers: int = field(default_factory=lambda: len(available_cores()))
    """Processes that make levels."""
    train_for_env_steps: int = 10_000_000_000
    """Frames of training to prepare for, by all policies together, on all 30 levels in equal parts."""
    min_free_gb: float = 3.0
    """Stop when less than this is free on the disk of the cache."""
    levels: tuple[str, ...] = ()
    """Make only these (explore_goal_locations_small); none means all 15 that are compiled at each reset."""
    target: int | None = None
    """How many there are to be of each level, instead of as many as the training needs."""

    def __post_init__(self) -> None:
        check_at_least(self, 1, "num_workers", "train_for_env_steps")
        check_at_least(self, 0, "min_free_gb")
        if self.dmlab_level_cache_max_gb is not None:
            check_positive(self, "dmlab_level_cache_max_gb")
        if self.target is not None:
            check_at_least(self, 1, "target")


@dataclass(frozen=True, kw_only=True)
class PopulateConfig:
    """Everything that can be chosen."""

    populate: PopulateOptions = field(default_factory=PopulateOptions)
    family: Any = field(default_factory=NoFamilyOptions)
