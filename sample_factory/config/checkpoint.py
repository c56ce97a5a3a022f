"""Options of checkpoints. Know nothing about what is in one."""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.config.checks import check_at_least, check_positive


@dataclass(frozen=True, kw_only=True)
class CheckpointConfig:
    """When policies are saved and how many checkpoints are kept."""

    save_every_sec: int = 120
    """Seconds between checkpoints."""
    save_every_updates: int = 0
    """Policy updates between additional checkpoints (0 makes none); with --serial_mode=True each of them also
    restarts all episodes from seeds, so that a resumed run is bit-identical."""
    keep_checkpoints: int = 3
    """Latest checkpoints to keep for each policy."""
    save_milestones_sec: int = -1
    """Seconds between checkpoints that are copied to milestones/ and kept for good; 0 or less never does."""
    save_best_every_sec: int = 5
    """Seconds between checks whether the policy is the best so far, to be saved as such."""
    save_best_metric: str = "reward"
    """Statistic of episodes that says which policy is best."""
    save_best_after: int = 100_000
    """Environment frames before the best policy is saved for the first time."""

    def __post_init__(self) -> None:
        check_positive(self, "save_every_sec", "keep_checkpoints", "save_best_every_sec")
        check_at_least(self, 0, "save_every_updates", "save_best_after")
        # Milestones are copies of checkpoints: they cannot come more often.
        if 0 < self.save_milestones_sec < self.save_every_sec:
            raise ValueError(
                f"--save_milestones_sec={self.save_milestones_sec} must not be less than "
                f"--save_every_sec={self.save_every_sec}"
            )
