"""`Lab` as Python sees it: types of arguments, and what may be called when. Knows nothing about levels and maps.

Where the real one would read freed memory or misread an argument, this one raises.
"""

from __future__ import annotations

import operator
import sys
from typing import Any

import numpy as np

from deepmind_lab.engine import Engine, make_engine
from deepmind_lab.runfiles import runfiles_path
from deepmind_lab.settings import read_settings

READABLE, WRITABLE, READ_WRITABLE, LISTABLE = 1, 2, 3, 4

_ACTIONS = (
    ("LOOK_LEFT_RIGHT_PIXELS_PER_FRAME", -512, 512),
    ("LOOK_DOWN_UP_PIXELS_PER_FRAME", -512, 512),
    ("STRAFE_LEFT_RIGHT", -1, 1),
    ("MOVE_BACK_FORWARD", -1, 1),
    ("FIRE", 0, 1),
    ("JUMP", 0, 1),
    ("CROUCH", 0, 1),
)
_PROPERTIES = {"engine.fps": READABLE}
_INT_MAX = 2**31
_NOTHING: dict[str, str] = {}

# The engines of all open Labs, with their caches, by id. They are kept here because the real ones lie outside of
# Python: the garbage collector does not see that a cache refers to its Lab, so such a pair lives until `close`.
_engines: dict[int, Engine] = {}


class Lab:
    """One environment. It cannot be subclassed, copied, or given attributes."""

    __slots__ = ("_episode", "_names", "_num_steps", "_status")

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'deepmind_lab.Lab' is not an acceptable base type")

    def __init__(
        self,
        level: str,
        observations: list[str],
        config: dict[str, str] = _NOTHING,
        renderer: str = "software",
        level_cache: Any = None,
        temp_folder: str = "",
    ) -> None:
        arguments = (level, observations, config, renderer)
        for number, (value, wanted) in enumerate(zip(arguments, (str, list, dict, str), strict=True), start=1):
            _check_type(number, value, wanted)
        _check_type(6, temp_folder, str)
        if renderer not in ("", "software", "hardware"):
            wanted_one = 'must be "hardware" or "software"'
            raise RuntimeError(f'Failed to set renderer {wanted_one} actual "{renderer}"!')
        for name in observations:
            if not isinstance(name, str):
                raise TypeError("bad argument type for built-in operation")
        engine = make_engine(level, read_settings(config), runfiles_path(), level_cache, temp_folder)
        if unknown := [name for name in observations if name not in engine.specs]:
            engine.close()
            raise ValueError(f"Unknown observation '{unknown[0]}'.")
        _engines[id(self)] = engine
        self._names = tuple(observations)
        self._episode = 0
        self._num_steps = 0
        self._status = "new"  # then running, ended, closed

    def reset(self, episode: int = -1, seed: int | None = None) -> bool:
        """Start an episode; True, or RuntimeError. A numpy integer is no seed."""
        episode = operator.index(episode)
        if seed is not None and not isinstance(seed, int):
            raise ValueError(f"'seed' must be int or None, was '{_type_name(seed)}'.")
        self._engine().start(None if seed is None else _as_seed(seed))
        self._episode = (self._episode if episode < 0 else episode) + 1
        self._num_steps = 0
        self._status = "running"
        return True

    def step(self, action: np.ndarray, num_steps: int = 1) -> float:
        """Take an action, [7] np.intc, for some frames and return their reward. # hot path"""
        if not isinstance(action, np.ndarray):
            raise TypeError(f"argument 1 must be numpy.ndarray, not {_type_name(action)}")
        _check_action(action)
        num_steps = operator.index(num_steps)
        if self._status != "running":
            raise RuntimeError("Environment in wrong status to advance.")
        if num_steps < 0:
            raise ValueError(f'Failed to advance environment "num_steps must not be negative, was {num_steps}"')
        # All of them count, even those after an end.
        self._num_steps += num_steps
        reward, goes_on = self._engine().advance(_checked_values(action), num_steps)
        if not goes_on:
            self._status = "ended"
        return float(reward)

    def observations(self) -> dict[str, Any]:
        """The observations asked for, in that order: new arrays and str. There are none once an episode has ended."""
        if self._status != "running":
            raise RuntimeError("Environment in wrong status for call to observations()")
        return self._engine().observe(self._names)

    def events(self) -> list[tuple[str, list[Any]]]:
        """What scripts have reported since the last step: here nothing."""
        if self._status not in ("running", "ended"):
            raise RuntimeError("Environment in wrong status for call to events()")
        return []

    def is_running(self) -> bool:
        """Whether an episode goes on."""
        return self._status == "running"

    def num_steps(self) -> int:
        """Frames asked for since the last reset."""
        return self._num_steps

    def action_spec(self) -> list[dict[str, Any]]:
        """Name and range of each number of an action."""
        self._engine()
        return [{"min": low, "max": high, "name": name} for name, low, high in _ACTIONS]

    def observation_spec(self) -> list[dict[str, Any]]:
        """All observations that could have been asked for."""
        specs = self._engine().specs
        for name in ("RGB_INTERLACED", "RGBD_INTERLACED"):
            print(f"Observation name {name} is deprecated.", file=sys.stderr)
        return [{"name": name, "shape": spec.shape, "dtype": spec.dtype} for name, spec in specs.items()]

    def properties(self, key: str = "") -> dict[str, int]:
        """The properties below a key, with what may be done to them."""
        self._engine()
        if key in _PROPERTIES:
            raise TypeError(f"'{key}' not listable.")
        below = {name: flags for name, flags in _PROPERTIES.items() if name.startswith(f"{key}.")}
        if key and not below:
            raise KeyError(f"'{key}' not found.")
        return below or {name.partition(".")[0]: LISTABLE for name in _PROPERTIES}

    def read_property(self, key: str) -> str:
        """The value of a property."""
        self._check_property(key, "readable")
        return "60"

    def write_property(self, key: str, value: str) -> None:
        """Change a property: here there is none that can be changed."""
        self._check_property(key, "writable")

    def close(self) -> bool:
        """Give back the folder; True the first time."""
        engine = _engines.pop(id(self), None)
        if engine is None:
            return False
        engine.close()
        self._status = "closed"
        return True

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle 'deepmind_lab.Lab' object")

    def _engine(self) -> Engine:
        engine = _engines.get(id(self))
        if engine is None:
            raise RuntimeError("This Lab is closed; the real one would read freed memory here.")
        return engine

    def _check_property(self, key: str, ability: str) -> None:
        self._engine()
        needed = {"readable": READABLE, "writable": WRITABLE}[ability]
        is_folder = any(name.startswith(f"{key}.") for name in _PROPERTIES)
        if key not in _PROPERTIES and not is_folder:
            raise KeyError(f"'{key}' not found.")
        if not _PROPERTIES.get(key, LISTABLE) & needed:
            raise TypeError(f"'{key}' not {ability}.")


Lab.__module__ = "deepmind_lab"


def _check_type(number: int, value: Any, wanted: type) -> None:
    if not isinstance(value, wanted):
        raise TypeError(f"argument {number} must be {wanted.__name__}, not {_type_name(value)}")


def _type_name(value: Any) -> str:
    """The name of a type as C has it."""
    if value is None:
        return "None"
    kind = type(value)
    return f"numpy.{kind.__name__}" if kind.__module__ == "numpy" else kind.__name__


def _as_seed(seed: int) -> int:
    """As C takes it: cut to 32 bits, and what is negative then moved up."""
    seed &= 2 * _INT_MAX - 1
    return seed - _INT_MAX if seed >= _INT_MAX else seed


def _check_action(action: np.ndarray) -> None:
    if action.shape != (len(_ACTIONS),):
        raise ValueError(f"action must have shape ({len(_ACTIONS)})")
    if action.dtype != np.intc:
        raise ValueError("action must have dtype np.intc")
    if not action.flags.c_contiguous:
        raise ValueError("action must be C-contiguous; the real one would misread it")


def _checked_values(action: np.ndarray) -> list[int]:
    values: list[int] = action.tolist()
    for value, (name, low, high) in zip(values, _ACTIONS, strict=True):
        if not low <= value <= high:
            raise ValueError(f"{name} must be from {low} to {high}, was {value}; the real one would not check")
    return values
