"""Writes what Gymnasium environments return into stored rows. Knows no environment and does not check values.

The writer is made once from an observation space; per step it does one array assignment per key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.rl.spaces import KeySpec, observation_keys


class ObservationWriter:
    """Writes observations of one space into `out[key]` [num_rows, *keys[key].shape]."""

    def __init__(self, space: gym.Space[Any]) -> None:
        self.keys = observation_keys(space)
        paths = _leaf_paths(space)
        assert list(paths) == list(self.keys)
        self._leaves = [(name, spec, paths[name], _start(spec)) for name, spec in self.keys.items()]

    # hot path
    def write(self, observations: Sequence[Any], out: Mapping[str, np.ndarray]) -> None:
        """Write one observation per row."""
        for name, spec, path, start in self._leaves:
            column = [_follow(observation, path) for observation in observations] if path else observations
            view = spec.row_view(out[name])
            if spec.kind == "image":  # row by row: a list of images would be stacked into a temporary first
                for row, image in enumerate(column):
                    view[row] = image
            else:
                view[...] = column
            if start is not None:
                view -= start

    def write_batch(self, batch: Any, out: Mapping[str, np.ndarray]) -> None:
        """Write a batched observation: the same nesting, every leaf an array [num_rows, ...]."""
        for name, spec, path, start in self._leaves:
            view = spec.row_view(out[name])
            view[...] = _follow(batch, path)
            if start is not None:
                view -= start

    def values(self, observation: Any) -> dict[str, Any]:
        """One observation as declared, by key (for checks, not for the hot path)."""
        return {name: _follow(observation, path) for name, _, path, _ in self._leaves}


def zero_rows(keys: Mapping[str, KeySpec], num_rows: int) -> dict[str, np.ndarray]:
    """Arrays that rows can be written into."""
    return {name: np.zeros((num_rows, *spec.shape), spec.dtype) for name, spec in keys.items()}


def _start(spec: KeySpec) -> Any:
    """The smallest declared value of an integer key (stored integers start at 0).

    None if there is nothing to subtract.
    """
    start = getattr(spec.space, "start", 0) if spec.kind == "integer" else 0
    return start if np.any(start) else None


def _follow(value: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _leaf_paths(space: gym.Space[Any]) -> dict[str, tuple[Any, ...]]:
    """Where each key of `observation_keys(space)` is found in an observation."""
    if isinstance(space, gym.spaces.Dict):
        return dict(_walk("", space, ()))
    return dict(_walk("obs", space, ()))


def _walk(name: str, space: gym.Space[Any], path: tuple[Any, ...]) -> list[tuple[str, tuple[Any, ...]]]:
    children: Any
    if isinstance(space, gym.spaces.Dict):
        children = space.spaces.items()
    elif isinstance(space, gym.spaces.Tuple):
        children = enumerate(space.spaces)
    else:
        return [(name, path)]
    return [
        leaf
        for part, child in children
        for leaf in _walk(f"{name}/{part}" if name else str(part), child, (*path, part))
    ]
