"""Which encoder fits observations, for families that do not know their environments. Knows no encoder, only names."""

from __future__ import annotations

from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.rl.spaces import observation_keys

VECTOR_DEFAULTS = {"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco"}
_TINY_IMAGE_DEFAULTS = {"encoder_type": "conv", "encoder_subtype": "minigrid_convnet_tiny"}
# Pixels that the three convolutions of convnet_simple need at least.
_LEAST_IMAGE_SIZE = 36


def encoder_defaults(space: gym.Space[Any]) -> dict[str, Any]:
    """Option values for an observation space: a perceptron for vectors; an image "obs" is divided by its largest value.

    Without that a network starts with certainty in arbitrary actions, and learns nothing.
    """
    keys = observation_keys(space)
    images = [key for key in keys.values() if key.kind == "image"]
    if not images:
        return dict(VECTOR_DEFAULTS)
    is_tiny = min(min(image.shape[:2]) for image in images) < _LEAST_IMAGE_SIZE
    defaults: dict[str, Any] = dict(_TINY_IMAGE_DEFAULTS) if is_tiny else {}
    if "obs" in keys and keys["obs"].kind == "image":  # --obs_scale means this key only
        largest = float(np.max(getattr(keys["obs"].space, "high", 1.0)))
        if 1.0 < largest < np.inf:
            defaults["obs_scale"] = largest
    return defaults
