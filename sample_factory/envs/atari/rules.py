"""What makes a game a task: how it starts, how it is seen, when it ends. Knows no simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sample_factory.envs.atari.games import STANDARD_FRAME_LIMIT, v1_frame_limit

Preset = Literal["v1", "standard"]
IMAGE_SIZE = 84
"""Height and width of an observation in pixels."""


@dataclass(frozen=True)
class Rules:
    """One way to play; sticky actions are never used."""

    frameskip: int
    """Frames for which an action is held; only the last one, or the last two, are seen."""
    framestack: int
    """Images in an observation, the oldest first; at the start of an episode all are the first one."""
    max_frames: int
    """An episode is truncated after so many frames."""
    max_noops: int = 0
    """An episode starts after a random number of frames without action, at most so many."""
    fires_at_start: bool = False
    """Whether FIRE is pressed once before the first observation, in games that have that button."""
    pools: bool = False
    """Whether an image is the pixelwise maximum of the last two frames of a step, so that nothing blinks."""
    ends_with_life: bool = False
    """Whether a lost life is marked as the end of an episode, though the game goes on. For training only."""


def make_rules(preset: Preset, game: str, frameskip: int, framestack: int, is_training: bool) -> Rules:
    """The rules of a preset: of the first Sample Factory, or those that most papers use."""
    if preset == "v1":
        return Rules(frameskip, framestack, v1_frame_limit(game))
    return Rules(
        frameskip,
        framestack,
        STANDARD_FRAME_LIMIT,
        max_noops=30,
        fires_at_start=True,
        pools=True,
        ends_with_life=is_training,
    )
