"""What is asked of the player: an instruction and the things to choose among. Knows nothing about how one is chosen.

Which thing is the right one is drawn apart from colours and places, so the picture alone never tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from deepmind_lab.colours import NAMED
from deepmind_lab.layout import OBJECT, SAMPLE, Layout

SHAPES = ("ball", "box", "cone")

Place = tuple[float, float]


@dataclass
class Thing:
    """Something on a map that can be seen and, unless it is a sample, chosen. Its place is in cells."""

    x: float
    y: float
    shape: str
    colour: str
    reward: int = 0
    can_be_chosen: bool = True
    restarts: bool = False
    heading: float = 0.0
    """Where an opponent walks, in radians clockwise from the top of the map."""


class Trial(NamedTuple):
    """One question."""

    instruction: str
    things: list[Thing]
    floors: dict[str, str]
    """The colour of each area's floor."""


def _described(random: Random, layout: Layout) -> Trial:
    # Two colours only: what is learnt in minutes is to compare words with pictures, not a vocabulary.
    colours = random.sample(("red", "blue"), 2)
    wanted = random.choice(colours)
    shape = random.choice(SHAPES)
    things = [
        Thing(*place, shape, colour, 10 if colour == wanted else -10)
        for place, colour in zip(_one_on_each_side(random, layout), colours, strict=True)
    ]
    return Trial(f"Pick the {wanted} object", things, {})


def _located(random: Random, layout: Layout) -> Trial:
    places = layout.places(OBJECT)
    areas = sorted({layout.area_of(place) for place in places})
    floors = dict(zip(areas, random.sample(NAMED, len(areas)), strict=True))
    colours = random.sample(NAMED, 2)
    wanted_colour, wanted_area = random.choice(colours), random.choice(areas)
    things = []
    for area in areas:
        random.shuffle(colours)
        chosen = [place for place in places if layout.area_of(place) == area]
        for place, colour in zip(chosen, colours, strict=True):
            is_wanted = (colour, area) == (wanted_colour, wanted_area)
            things.append(Thing(*place, random.choice(SHAPES), colour, 10 if is_wanted else -10))
    return Trial(f"Pick the {wanted_colour} object in the {floors[wanted_area]} room", things, floors)


def _quantitative(random: Random, layout: Layout) -> Trial:
    """The answer is given by choosing the white ball for yes or the black one for no."""
    places = layout.places(SAMPLE)
    asked, other = random.sample(NAMED, 2)
    about_all = random.random() < 0.5
    is_true = random.random() < 0.5
    # "all" is false and "any" is true of every number in between.
    number = random.randrange(1, len(places)) if about_all != is_true else len(places) * about_all
    shown = [asked] * number + [other] * (len(places) - number)
    random.shuffle(shown)
    samples = [
        Thing(*place, random.choice(SHAPES), colour, can_be_chosen=False)
        for place, colour in zip(places, shown, strict=True)
    ]
    answers = [
        Thing(*place, "ball", colour, 10 if (colour == "white") == is_true else -10)
        for place, colour in zip(_one_on_each_side(random, layout), ("white", "black"), strict=True)
    ]
    question = f"Are all objects {asked}?" if about_all else f"Is any object {asked}?"
    return Trial(question, samples + answers, {})


def _nonmatching(random: Random, layout: Layout) -> Trial:
    colours = random.sample(NAMED, 2)
    shown = random.choice(colours)
    shape = random.choice(SHAPES)
    choices = [
        Thing(*place, shape, colour, -10 if colour == shown else 10)
        for place, colour in zip(_one_on_each_side(random, layout), colours, strict=True)
    ]
    sample = Thing(*layout.places(SAMPLE)[0], shape, shown, can_be_chosen=False)
    return Trial("", [sample, *choices], {})


def _screen(random: Random, layout: Layout) -> Trial:
    colours = ("green", random.choice([colour for colour in NAMED if colour != "green"]))
    things = [
        Thing(*place, "box", colour, 1 if colour == "green" else -1)
        for place, colour in zip(_one_on_each_side(random, layout), colours, strict=True)
    ]
    return Trial("", things, {})


def _one_on_each_side(random: Random, layout: Layout) -> list[Place]:
    """One place left and one right of the middle, in random order."""
    places = layout.places(OBJECT)
    middle = len(layout.entities[0]) / 2
    sides = [
        random.choice([place for place in places if place[0] < middle]),
        random.choice([place for place in places if place[0] > middle]),
    ]
    random.shuffle(sides)
    return sides


TRIALS: dict[str, Callable[[Random, Layout], Trial]] = {
    "described": _described,
    "located": _located,
    "quantitative": _quantitative,
    "nonmatching": _nonmatching,
    "screen": _screen,
}
