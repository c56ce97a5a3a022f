"""The plan of a map: a grid of characters, written as text and read back. Knows nothing about who plays in it."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from deepmind_lab.plans import PLANS

WALL, START, OBJECT, SAMPLE = "*POS"
_LINE = re.compile(r'^"(\w+)" "(.*)"$', re.MULTILINE)


class Layout(NamedTuple):
    """A map as the engine plays it. Cells are squares of side 1; x counts columns to the right, y counts rows down."""

    map_name: str
    theme: int
    """Number that the colours of the walls follow from."""
    entities: tuple[str, ...]
    """Rows of cells: `*` wall, `P` where players start, `O` a place for an object, `S` for a sample, else floor."""
    variations: tuple[str, ...]
    """The same rows: a letter for each area that has a floor of its own, else `.`."""

    def places(self, mark: str) -> list[tuple[float, float]]:
        """The middle (x, y) of every cell with this mark."""
        return [(x + 0.5, y + 0.5) for y, row in enumerate(self.entities) for x, cell in enumerate(row) if cell == mark]

    def floor_cells(self) -> list[tuple[float, float]]:
        """The middle (x, y) of every cell that is not a wall."""
        return [(x + 0.5, y + 0.5) for y, row in enumerate(self.entities) for x, cell in enumerate(row) if cell != WALL]

    def area_of(self, place: tuple[float, float]) -> str:
        """The letter of the area that a place lies in."""
        return self.variations[int(place[1])][int(place[0])]

    def to_text(self) -> str:
        """The source that is compiled; its hash is the key of the map."""
        lines = ["// Format: Quake3", "{", '"classname" "worldspawn"']
        lines += [f'"message" "{self.map_name}"', f'"theme" "{self.theme}"']
        lines += [f'"entities" "{row}"' for row in self.entities]
        lines += [f'"variations" "{row}"' for row in self.variations]
        return "\n".join([*lines, "}", ""])

    @classmethod
    def from_text(cls, text: str) -> Layout:
        """Read back what `to_text` wrote."""
        values: dict[str, list[str]] = {}
        for key, value in _LINE.findall(text):
            values.setdefault(key, []).append(value)
        return cls(
            values["message"][0], int(values["theme"][0]), tuple(values["entities"]), tuple(values["variations"])
        )


def make_layout(map_name: str, plan: str, seed: int) -> Layout:
    """The layout that this seed gives; equal seeds give equal layouts."""
    entities, variations = PLANS[plan](random.Random(seed))
    return Layout(map_name, seed, tuple(entities), tuple(variations))
