"""Options that all environment families understand. Knows none of the families."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sample_factory.config.checks import check_choices, check_positive


@dataclass(frozen=True, kw_only=True)
class EnvConfig:
    """How environments are wrapped, for all families."""

    env_frameskip: int | None = None
    """Frames for which each action is repeated; None leaves it to the environment."""
    env_framestack: int = 4
    """Number of last frames stacked into one observation, where the family stacks frames (Atari)."""
    pixel_format: Literal["CHW", "HWC"] = "CHW"
    """Axis order of images that environments declare: channels first or last."""
    env_backend: Literal["auto", "gymnasium", "envpool"] = "auto"
    """Who simulates, where a family has the choice: the package that Gymnasium uses, or EnvPool's batches in C++."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.env_frameskip is not None:
            check_positive(self, "env_frameskip")
        check_positive(self, "env_framestack")
