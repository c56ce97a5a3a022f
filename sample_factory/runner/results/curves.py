"""Learning curves as piecewise linear functions of frames. Knows neither experiments nor seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Curve(NamedTuple):
    """Values over frames."""

    frames: np.ndarray
    """int64 [n], increasing, n at least 1."""
    values: np.ndarray
    """float64 [n]."""

    @property
    def last_frame(self) -> int:
        """How far it goes."""
        return int(self.frames[-1])


def make_curve(frames: np.ndarray, values: np.ndarray) -> Curve | None:
    """The points that are finite; None if there is none."""
    finite = np.isfinite(values)
    if not finite.any():
        return None
    return Curve(frames[finite].astype(np.int64), values[finite].astype(np.float64))


def on_grid(curve: Curve, grid: np.ndarray) -> np.ndarray:
    """Values [len(grid)] between the points; NaN before the first and after the last one."""
    return np.asarray(np.interp(grid, curve.frames, curve.values, left=np.nan, right=np.nan))


def mean_between(curve: Curve, begin: float, end: float) -> float:
    """Mean over the frames from `begin` to `end`, at least one more; before and after the curve its ends go on."""
    inside = curve.frames[(curve.frames > begin) & (curve.frames < end)]
    frames = np.concatenate([[begin], inside, [end]])
    values = np.interp(frames, curve.frames, curve.values)
    return float(np.sum((values[1:] + values[:-1]) / 2 * np.diff(frames)) / (end - begin))


def mean_curve(curves: Sequence[Curve]) -> Curve | None:
    """The mean of several curves where all of them are; None if there is no such frame."""
    begin = max(int(curve.frames[0]) for curve in curves)
    end = min(curve.last_frame for curve in curves)
    frames = np.unique(np.concatenate([curve.frames for curve in curves]))
    frames = frames[(frames >= begin) & (frames <= end)]
    if not len(frames):
        return None
    return Curve(frames, np.mean([on_grid(curve, frames) for curve in curves], axis=0))
