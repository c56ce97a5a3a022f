"""Command-line options of the Doom family. Knows no engine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DoomOptions:
    """How Doom frames are rendered."""

    res_w: int = 128
    """Width of the observation in pixels, after resizing."""
    res_h: int = 72
    """Height of the observation in pixels, after resizing."""
    wide_aspect_ratio: bool = False
    """Render the game at 256x144 instead of 160x120 pixels."""

    def __post_init__(self) -> None:
        for flag, value in (("res_w", self.res_w), ("res_h", self.res_h)):
            if value < 1:
                raise ValueError(f"--{flag}={value} must be at least 1 pixel")
