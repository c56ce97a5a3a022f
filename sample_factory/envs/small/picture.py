"""A small game as a picture: its state in words over squares that are what the agent sees. Knows no game."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_WIDTH, _HEIGHT, _SQUARE, _MARGIN = 320, 96, 40, 8
_TEXT = 16


def draw(text: str, observation: np.ndarray) -> np.ndarray:
    """An image, uint8 [96, 320, 3]; the observation is a vector, black where 0 and white where 1."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), (40, 44, 60))
    canvas = ImageDraw.Draw(image)
    canvas.text((_MARGIN, _MARGIN), text, fill=(255, 255, 255), font=ImageFont.load_default(_TEXT))
    side = min(_SQUARE, (_WIDTH - _MARGIN) // len(observation) - _MARGIN)
    for i, brightness in enumerate(np.clip(observation * 255, 0, 255).astype(int).tolist()):
        left, top = _MARGIN + i * (side + _MARGIN), _HEIGHT - _MARGIN - side
        canvas.rectangle((left, top, left + side, top + side), (brightness,) * 3, outline=(150, 150, 150))
    return np.asarray(image)
