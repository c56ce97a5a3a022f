"""Observations get an encoder that can read them. Knows no network."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest

from sample_factory.envs.encoder_defaults import encoder_defaults

MLP = {"encoder_type": "mlp", "encoder_subtype": "mlp_mujoco"}
TINY = {"encoder_type": "conv", "encoder_subtype": "minigrid_convnet_tiny"}


def image(size, high=255, dtype=np.uint8):
    return gym.spaces.Box(0, high, (size, size, 3), dtype)


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        (gym.spaces.Box(-1, 1, (3,)), MLP),
        (gym.spaces.Discrete(3), MLP),
        (image(64), {"obs_scale": 255.0}),
        (gym.spaces.Dict({"obs": image(36), "speed": gym.spaces.Box(0, 1, (1,))}), {"obs_scale": 255.0}),
        (gym.spaces.Dict({"obs": gym.spaces.Box(0, 9, (1,)), "camera": image(36)}), {}),
        (image(35), TINY | {"obs_scale": 255.0}),
        (image(7, 30.0, np.float32), TINY | {"obs_scale": 30.0}),
        (image(64, 1.0, np.float32), {}),
        (image(64, np.inf, np.float32), {}),
    ],
)
def test_defaults_follow_from_the_space(space, expected):
    assert encoder_defaults(space) == expected
