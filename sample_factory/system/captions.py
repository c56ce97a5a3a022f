"""Writes what is known about a frame under it; the frame itself stays as it is. Knows no environment and no policy."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_TEXT_PX, _LINE_PX, _MARGIN_PX = 18, 24, 8
_MIN_CELL_PX = 150
_MIN_HEIGHT, _MAX_WIDTH = 480, 1920
"""Pixels of smaller frames are repeated, so that text under them can be read."""
_WIDE = "action"
"""What is written last, in lines of its own."""
_BACKGROUND, _NAME_COLOUR, _VALUE_COLOUR = (24, 24, 24), (150, 150, 150), (255, 255, 255)


def with_caption(frame: np.ndarray, texts: Sequence[Mapping[str, str]]) -> np.ndarray:
    """A frame with names and values under it, uint8 [height, width, 3].

    Its size depends on that of `frame` and on the names, not on the values.

    Args:
        frame: uint8 [height, width, 3].
        texts: values by name for each agent; agents stand side by side.
    """
    height, width, _ = frame.shape
    factor = max(1, min(_MIN_HEIGHT // height, _MAX_WIDTH // width))
    frame = frame.repeat(factor, axis=0).repeat(factor, axis=1)
    edges = np.linspace(0, frame.shape[1], len(texts) + 1).astype(int).tolist()
    columns = [_Column(left, right - left) for left, right in pairwise(edges)]
    num_lines = max(column.num_lines(values) for column, values in zip(columns, texts, strict=True))
    strip = Image.new("RGB", (frame.shape[1], num_lines * _LINE_PX + _MARGIN_PX), _BACKGROUND)
    draw = ImageDraw.Draw(strip)
    for column, values in zip(columns, texts, strict=True):
        column.write(draw, values)
    return np.concatenate([frame, np.asarray(strip)])


class _Column:
    """The place of one agent's values: cells of equal width, and the action below them."""

    def __init__(self, left: int, width: int) -> None:
        self._left, self._width = left + _MARGIN_PX, width - 2 * _MARGIN_PX
        self._num_action_lines = 1 + (width < 2 * 240) + (width < 240)

    def num_lines(self, values: Mapping[str, str]) -> int:
        """Height of it all."""
        return self._num_cell_lines(len(values) - (_WIDE in values)) + (_WIDE in values) * self._num_action_lines

    def write(self, draw: ImageDraw.ImageDraw, values: Mapping[str, str]) -> None:
        """Write all values."""
        cells = [(name, value) for name, value in values.items() if name != _WIDE]
        num_lines = self._num_cell_lines(len(cells))
        per_line = -(-len(cells) // num_lines) if cells else 1
        for i, (name, value) in enumerate(cells):
            line, cell = divmod(i, per_line)
            left = self._left + cell * self._width // per_line
            _text(draw, left + _text(draw, left, line, f"{name} ", _NAME_COLOUR), line, value, _VALUE_COLOUR)
        for i, part in enumerate(_wrapped(values.get(_WIDE, ""), self._width)[: self._num_action_lines]):
            _text(draw, self._left, num_lines + i, part, _VALUE_COLOUR)

    def _num_cell_lines(self, num_cells: int) -> int:
        return -(-num_cells // max(1, self._width // _MIN_CELL_PX))


def _text(draw: ImageDraw.ImageDraw, left: float, line: int, text: str, colour: tuple[int, int, int]) -> float:
    """Returns the width."""
    draw.text((left, _MARGIN_PX // 2 + line * _LINE_PX), text, fill=colour, font=_font())
    return _width(text)


def _wrapped(text: str, width: int) -> list[str]:
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def _width(text: str) -> float:
    return float(_font().getlength(text))


@functools.cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(_TEXT_PX)
