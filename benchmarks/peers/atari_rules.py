"""The rules of Atari that peers play by, as the engine's own preset "standard" has them. Know no simulator."""

from __future__ import annotations

from typing import Any

FRAMESKIP = 4
FRAMESTACK = 4
IMAGE_SIZE = 84
MAX_NOOPS = 30
MAX_FRAMES = 108_000


def atari_settings() -> dict[str, Any]:
    """EnvPool's names for them."""
    return {
        "img_height": IMAGE_SIZE,
        "img_width": IMAGE_SIZE,
        "stack_num": FRAMESTACK,
        "frame_skip": FRAMESKIP,
        "noop_max": MAX_NOOPS,
        "max_episode_steps": MAX_FRAMES // FRAMESKIP,
        "episodic_life": True,
        "use_fire_reset": True,
    }
