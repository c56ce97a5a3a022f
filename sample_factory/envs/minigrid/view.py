"""What a MiniGrid agent sees, computed without copying the grid. Knows no rule of the game.

The package makes a new grid for the view, turns it cell by cell up to four times and looks at each cell again for the
shadows and for the encoding; that is most of the time of a step. Here the cells of a view are looked up at once by
places that are remembered for each position, and so are the shadows of each arrangement of opaque cells: the same image
in a fifth of the time (benchmarks/backends_minigrid.py).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

_UNSEEN, _EMPTY = bytes(3), bytes((1, 0, 0))


class _Wall:
    """What the package shows where a view reaches beyond the grid: a grey wall."""

    type = "wall"

    def encode(self) -> tuple[int, int, int]:
        return (2, 5, 0)

    def see_behind(self) -> bool:
        return False


_BEYOND = [_Wall()]


class View:
    """The view of the agent of one MiniGrid environment, which is the package's own."""

    def __init__(self, env: Any) -> None:
        self._env = env
        self._codes: dict[Any, bytes] = {}
        self._opaque_codes: set[bytes] = set()
        self.forget()

    def forget(self) -> None:
        """Forget the objects of the last episode."""
        self._codes = {None: _EMPTY}

    # hot path
    def image(self) -> np.ndarray:
        """uint8 [size, size, 3]: columns from the left, rows from the far end; type, colour, state. Not writable."""
        env = self._env
        grid, size = env.grid, env.agent_view_size
        x, y = env.agent_pos
        seen = _places(grid.width, grid.height, size, int(x), int(y), int(env.agent_dir))(grid.grid + _BEYOND)
        codes: list[Any] = list(map(self._codes.get, seen))
        if None in codes:
            for place, code in enumerate(codes):
                if code is None:
                    codes[place] = self._encode(seen[place])
        if not env.see_through_walls:
            for place in _shadows(bytes(map(self._opaque_codes.__contains__, codes)), size):
                codes[place] = _UNSEEN
        codes[size * size - size // 2 - 1] = _EMPTY if env.carrying is None else self._encode(env.carrying)
        return np.frombuffer(b"".join(codes), np.uint8).reshape(size, size, 3).transpose(1, 0, 2)

    def _encode(self, cell: Any) -> bytes:
        code = bytes(cell.encode())
        if not cell.see_behind():
            self._opaque_codes.add(code)
        if cell.type != "door":  # a door opens and closes; nothing else ever looks different
            self._codes[cell] = code
        return code


@lru_cache(maxsize=100_000)
def _shadows(opaque: bytes, size: int) -> tuple[int, ...]:
    """The places that cannot be seen; `opaque` has a bool for each cell, row by row from the far end.

    Light starts at the agent, in the middle of the nearest row. Row by row it goes right first, then left: a cell that
    has light and is not opaque gives it to its next neighbour, and in the row beyond to the cells next to both.
    """
    light = [bytearray(size) for _ in range(size + 1)]  # from the nearest row to one beyond the farthest
    light[0][size // 2] = True
    for number in range(size):
        here, beyond = light[number], light[number + 1]
        first = (size - 1 - number) * size
        for columns, ahead in ((range(size - 1), 1), (range(size - 1, 0, -1), -1)):
            for column in columns:
                if here[column] and not opaque[first + column]:
                    here[column + ahead] = beyond[column + ahead] = beyond[column] = True
    lit = b"".join(reversed(light[:size]))
    return tuple(place for place, is_lit in enumerate(lit) if not is_lit)


@lru_cache(maxsize=100_000)
def _places(
    width: int, height: int, size: int, x: int, y: int, direction: int
) -> Callable[[Sequence[Any]], tuple[Any, ...]]:
    """Takes the cells of a view out of the list of all cells, row by row from the far end."""
    forward_x, forward_y = ((1, 0), (0, 1), (-1, 0), (0, -1))[direction]
    places = []
    for row in range(size):
        ahead = size - 1 - row
        for column in range(size):
            right = column - size // 2
            cell_x, cell_y = x + ahead * forward_x - right * forward_y, y + ahead * forward_y + right * forward_x
            is_inside = 0 <= cell_x < width and 0 <= cell_y < height
            places.append(cell_y * width + cell_x if is_inside else width * height)
    return operator.itemgetter(*places)
