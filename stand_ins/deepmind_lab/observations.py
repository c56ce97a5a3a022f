"""Observations by name: which a level has, their shapes and types, their values. Knows nothing about when to ask.

What only the engine could know (`DEBUG.*` apart from the plan and the player's place) is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from deepmind_lab.render import Picture
from deepmind_lab.settings import Settings
from deepmind_lab.trials import Thing
from deepmind_lab.world import World


class Spec(NamedTuple):
    """What an observation looks like; a length that is not known beforehand is 0."""

    shape: tuple[int, ...]
    dtype: Any
    """np.uint8, np.float64 or str."""


class Moment(NamedTuple):
    """What observations are made of: the world, and a function that draws it at most once."""

    world: World
    picture: Callable[[], Picture]


def make_specs(settings: Settings, plain: bool, skymaze: bool) -> dict[str, Spec]:
    """The observations of a level, in the engine's order."""
    height, width = settings.height, settings.width
    specs = {
        "RGB_INTERLEAVED": Spec((height, width, 3), np.uint8),
        "RGBD_INTERLEAVED": Spec((height, width, 4), np.uint8),
        "RGB": Spec((3, height, width), np.uint8),
        "RGBD": Spec((4, height, width), np.uint8),
        "BGR_INTERLEAVED": Spec((height, width, 3), np.uint8),
        "BGRD_INTERLEAVED": Spec((height, width, 4), np.uint8),
        "MAP_FRAME_NUMBER": Spec((1,), np.float64),
        "RGB_INTERLACED": Spec((height, width, 3), np.uint8),
        "RGBD_INTERLACED": Spec((height, width, 4), np.uint8),
    }
    if not plain:
        specs |= _custom_specs(max(height, settings.alternative_height), max(width, settings.alternative_width))
    if skymaze:
        specs["DEBUG.SKYMAZE.GOAL_POSITION"] = Spec((2,), np.float64)
    return specs


def _custom_specs(height: int, width: int) -> dict[str, Spec]:
    specs = {
        "VEL.TRANS": Spec((3,), np.float64),
        "VEL.ROT": Spec((3,), np.float64),
        "INSTR": Spec((), str),
        "TEAM.SCORE": Spec((2,), np.float64),
        "FRAMES_REMAINING_AT_60": Spec((1,), np.float64),
    }
    views = ("TOP_DOWN", "PLAYER_VIEW", "PLAYER_VIEW_NO_RETICLE")
    specs |= {f"DEBUG.CAMERA_INTERLEAVED.{view}": Spec((height, width, 3), np.uint8) for view in views}
    specs |= {f"DEBUG.CAMERA.{view}": Spec((3, height, width), np.uint8) for view in views}
    specs |= {f"DEBUG.MAZE.{layer}": Spec((), str) for layer in ("LAYOUT", "VARIATION")}
    specs |= {f"DEBUG.POS.{part}": Spec((3,), np.float64) for part in ("TRANS", "ROT")}
    specs["DEBUG.PLAYER_ID"] = Spec((1,), np.uint8)
    counts = ("ARMOR", "GADGET", "GADGET_AMOUNT", "HEALTH", "HOLDING_FLAG", "TEAM", "CAPTURES", "SCORE")
    specs |= {f"DEBUG.PLAYERS.{count}": Spec((0,), np.float64) for count in counts}
    specs |= {f"DEBUG.PLAYERS.{byte}": Spec((0,), np.uint8) for byte in ("ID", "IS_BOT")}
    specs |= {f"DEBUG.PLAYERS.{vector}": Spec((0, 3), np.float64) for vector in ("EYE.POS", "EYE.ROT", "VELOCITY")}
    specs["DEBUG.PLAYERS.NAME"] = Spec((), str)
    specs |= {f"DEBUG.FLAGS.{team}": Spec((5,), np.float64) for team in ("RED", "BLUE")}
    specs |= {f"DEBUG.FLAGS.{team}_HOME": Spec((4,), np.float64) for team in ("RED", "BLUE")}
    return specs


def observe(name: str, spec: Spec, moment: Moment) -> Any:
    """The value of an observation: a new contiguous array of its own, or a str."""
    if (read := _VALUES.get(name)) is None:
        # One player, for the lengths that are not known beforehand.
        return "" if spec.dtype is str else np.zeros([length or 1 for length in spec.shape], dtype=spec.dtype)
    value = read(moment)
    return value if spec.dtype is str else np.array(value, dtype=spec.dtype, order="C")


def _rgb(moment: Moment) -> np.ndarray:
    return moment.picture().rgb()


def _rgbd(moment: Moment) -> np.ndarray:
    return np.concatenate((_rgb(moment), moment.picture().depth_byte()), axis=2)


def _bgr(moment: Moment) -> np.ndarray:
    return _rgb(moment)[..., ::-1]


def _bgrd(moment: Moment) -> np.ndarray:
    return _rgbd(moment)[..., (2, 1, 0, 3)]


def _velocity(moment: Moment) -> tuple[float, ...]:
    return (*moment.world.velocity, 0.0)


def _rotation(moment: Moment) -> tuple[float, ...]:
    return (0.0, moment.world.turn_rate, 0.0)


def _place(moment: Moment) -> tuple[float, ...]:
    return (moment.world.pose.x, moment.world.pose.y, 0.0)


def _direction(moment: Moment) -> tuple[float, ...]:
    return (math.degrees(moment.world.pose.pitch), math.degrees(moment.world.pose.heading), 0.0)


def _goal(moment: Moment) -> tuple[float, float]:
    goal: Thing = next(thing for thing in moment.world.things if thing.restarts)
    return (goal.x, goal.y)


_VALUES: dict[str, Callable[[Moment], Any]] = {
    "RGB_INTERLEAVED": _rgb,
    "RGBD_INTERLEAVED": _rgbd,
    "RGB": lambda moment: _rgb(moment).transpose(2, 0, 1),
    "RGBD": lambda moment: _rgbd(moment).transpose(2, 0, 1),
    "BGR_INTERLEAVED": _bgr,
    "BGRD_INTERLEAVED": _bgrd,
    "MAP_FRAME_NUMBER": lambda moment: [moment.world.frame],
    "RGB_INTERLACED": _rgb,
    "RGBD_INTERLACED": _rgbd,
    "VEL.TRANS": _velocity,
    "VEL.ROT": _rotation,
    "INSTR": lambda moment: moment.world.instruction,
    "TEAM.SCORE": lambda moment: [moment.world.score, 0],
    "FRAMES_REMAINING_AT_60": lambda moment: [moment.world.frames_left],
    "DEBUG.MAZE.LAYOUT": lambda moment: "\n".join(moment.world.layout.entities),
    "DEBUG.MAZE.VARIATION": lambda moment: "\n".join(moment.world.layout.variations),
    "DEBUG.POS.TRANS": _place,
    "DEBUG.POS.ROT": _direction,
    "DEBUG.SKYMAZE.GOAL_POSITION": _goal,
}
