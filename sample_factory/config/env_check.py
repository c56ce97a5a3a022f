"""Options of the environment check. Know nothing about training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sample_factory.config.checks import check_at_least, check_positive
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.environment import EnvConfig


@dataclass(frozen=True, kw_only=True)
class CheckRunConfig:
    """What to check, and for how long."""

    env: str
    """Full name of the environment, starting with the prefix of its family (doom_basic, gym_CartPole-v1)."""
    import_module: tuple[str, ...] = ()
    """Modules to import first, because they register environments."""
    seconds: float = 5.0
    """About how long to step environments, besides making them."""
    timeout_seconds: float = 60.0
    """An environment that takes longer to be made, to reset or to step hangs."""
    seed: int = 0
    """Seed of the environments and of the random actions."""
    json: str | None = None
    """File to write the result to as well, as JSON."""

    def __post_init__(self) -> None:
        if not self.env:
            raise ValueError("--env must not be empty")
        check_positive(self, "seconds", "timeout_seconds")
        check_at_least(self, 0, "seed")


@dataclass(frozen=True, kw_only=True)
class CheckConfig:
    """Everything that can be chosen about a check."""

    run: CheckRunConfig
    env: EnvConfig = field(default_factory=EnvConfig)
    family: Any = field(default_factory=NoFamilyOptions)
    """Frozen dataclass of the environment family, one field per flag."""
