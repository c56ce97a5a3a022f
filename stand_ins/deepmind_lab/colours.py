"""Colours by name, and the table of what the codes of pixels mean. Knows nothing about what has which colour."""

from __future__ import annotations

import numpy as np

SHADES = 16
"""Brightness levels: the code of a pixel is its colour's number times this, plus the level."""

NAMED = ("red", "green", "blue", "yellow", "purple", "cyan")
"""Those that instructions speak of."""

_RGB = {
    "red": (225, 40, 40),
    "green": (40, 190, 60),
    "blue": (50, 80, 235),
    "yellow": (240, 225, 50),
    "purple": (165, 60, 205),
    "cyan": (60, 215, 225),
    "orange": (245, 140, 30),
    "white": (250, 250, 250),
    "black": (30, 30, 30),
    "sky": (150, 180, 215),
    "floor": (125, 120, 115),
    "sand": (185, 160, 120),
    "brick": (165, 95, 75),
    "slate": (105, 120, 140),
    "moss": (120, 140, 95),
    "plum": (140, 105, 130),
    "clay": (200, 130, 95),
}
WALLS = ("sand", "brick", "slate", "moss", "plum", "clay")

NUMBER = {name: number for number, name in enumerate(_RGB)}

_levels = np.linspace(0.25, 1.0, SHADES)
PALETTE = (np.array(list(_RGB.values()))[:, None] * _levels[None, :, None]).round().astype(np.uint8).reshape(-1, 3)
"""[codes, 3] uint8."""
