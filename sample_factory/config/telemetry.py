"""Options of statistics and where they are reported. Know nothing about what is measured."""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.config.checks import check_positive


@dataclass(frozen=True, kw_only=True)
class TelemetryConfig:
    """What is reported, and where."""

    stats_avg: int = 100
    """Last episodes over which statistics are averaged."""
    experiment_summaries_interval: int = 20
    """Seconds between summaries."""
    with_wandb: bool = False
    """Report to Weights and Biases as well."""
    wandb_user: str | None = None
    """Weights and Biases user or team (entity)."""
    wandb_project: str = "sample_factory"
    """Weights and Biases project."""
    wandb_group: str | None = None
    """Weights and Biases group; None means the name of the environment."""
    wandb_job_type: str = "SF"
    """Weights and Biases job type."""
    wandb_tags: tuple[str, ...] = ()
    """Weights and Biases tags, separated by spaces."""

    def __post_init__(self) -> None:
        check_positive(self, "stats_avg", "experiment_summaries_interval")
