"""Options that all environment families understand. Knows none of the families."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Literal

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
    reward_shaping: str = "{}"
    """Values of the environment's reward shaping that are to be others than its own, as a JSON object."""

    def __post_init__(self) -> None:
        check_choices(self)
        if self.env_frameskip is not None:
            check_positive(self, "env_frameskip")
        check_positive(self, "env_framestack")
        parse_reward_shaping(self.reward_shaping)


def parse_reward_shaping(text: str) -> dict[str, Any]:
    """Read `--reward_shaping`; an empty text changes nothing.

    Raises:
        ValueError: it is no JSON object of numbers and further such objects.
    """
    try:
        values = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise ValueError(f"--reward_shaping={text} is not JSON: {error}") from error
    if not _has_numbers_only(values):
        raise ValueError(f"--reward_shaping={text} must be a JSON object of numbers, such as '{{\"goal\": 0.5}}'")
    assert isinstance(values, dict)
    return values


def _has_numbers_only(values: Any) -> bool:
    if not isinstance(values, dict):
        return False
    ends = [value for value in values.values() if not isinstance(value, dict)]
    inner = [value for value in values.values() if isinstance(value, dict)]
    return all(type(end) in (int, float) and math.isfinite(end) for end in ends) and all(map(_has_numbers_only, inner))
