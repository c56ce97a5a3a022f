"""Curves as SVG. Pure: knows no experiment, and colours only by their names in the style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

from sample_factory.dashboard.wording import number, short
from sample_factory.runner.results.curves import Curve
from sample_factory.runner.results.experiments import Points

NUM_COLOURS = 8
"""Classes c0, c1, ... of the style sheet; more lines share them, and are dashed."""
_CHART = (560.0, 220.0)
_SPARK = (132.0, 30.0)
_LEFT, _RIGHT, _TOP, _BOTTOM = 60.0, 10.0, 8.0, 24.0
_SPARK_POINTS, _CHART_POINTS = 50, 280
_NUM_TICKS = 5
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


class Line(NamedTuple):
    """One curve of a picture."""

    name: str
    colour: int
    """Number of it; the same one in all pictures of a page."""
    curve: Curve
    low: Curve | None = None
    """With `high`: what the curve is the mean of goes from here to there."""
    high: Curve | None = None


class _Scale(NamedTuple):
    """From values to places in the picture."""

    low: float
    high: float
    begin: float
    end: float

    def place(self, values: np.ndarray) -> np.ndarray:
        return self.begin + (values - self.low) / (self.high - self.low) * (self.end - self.begin)


def thinned(points: Points, count: int) -> Curve | None:
    """At most `count` means over equal stretches of frames; None if no value is finite."""
    finite = np.isfinite(points.values)
    frames, values = points.frames[finite].astype(np.int64), points.values[finite].astype(np.float64)
    if not len(frames):
        return None
    if len(frames) <= count:
        return Curve(frames, values)
    part = (frames - frames[0]) * count // (frames[-1] - frames[0] + 1)
    begins = np.flatnonzero(np.diff(part, prepend=-1))
    sizes = np.diff(begins, append=len(frames))
    # Frames may be too many to be added up as integers.
    means = np.add.reduceat(frames.astype(np.float64), begins) / sizes
    return Curve(means.astype(np.int64), np.add.reduceat(values, begins) / sizes)


def spark_curve(points: Points) -> Curve | None:
    """As many points as a sparkline has room for."""
    return thinned(points, _SPARK_POINTS)


def chart_curve(points: Points) -> Curve | None:
    """As many points as a chart has room for."""
    return thinned(points, _CHART_POINTS)


def sparkline(curves: Sequence[Curve], best: int | None = None) -> Markup:
    """Small curves without axes; the one with the number `best` is drawn above the others."""
    if not curves:
        return Markup("")
    width, height = _SPARK
    across, up = _scales(curves, (2.0, width - 3.0, height - 3.0, 3.0))
    order = sorted(range(len(curves)), key=lambda i: i == best)
    lines = [_polyline(curves[i], across, up, "best" if i == best or len(curves) == 1 else "other") for i in order]
    end = curves[best if best is not None else 0]
    x, y = across.place(np.array(end.frames[-1:])), up.place(end.values[-1:])
    dot = f'<circle class="dot" cx="{x[0]:.1f}" cy="{y[0]:.1f}" r="2"/>'
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}" '
        f'aria-hidden="true">{"".join(lines)}{dot}</svg>'
    )


def chart(lines: Sequence[Line], title: str) -> Markup:
    """Curves over frames with axes. `title` is for those who cannot see it."""
    width, height = _CHART
    curves = [curve for line in lines for curve in (line.curve, line.low, line.high) if curve is not None]
    if not curves:
        return Markup("")
    across, up = _scales(curves, (_LEFT, width - _RIGHT, height - _BOTTOM, _TOP))
    parts = [*_horizontal(up, width), *_vertical(across, height)]
    for line in lines:
        colour = f"c{line.colour % NUM_COLOURS}{' dashed' if line.colour >= NUM_COLOURS else ''}"
        if line.low is not None and line.high is not None:
            parts.append(_band(line.low, line.high, across, up, colour))
        said = f"{line.name}: {number(float(line.curve.values[-1]))} at {short(line.curve.last_frame)} frames"
        parts.append(_polyline(line.curve, across, up, f"line {colour}", said))
    return Markup(
        f'<svg class="chart" viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(title)}">'
        f"{''.join(parts)}</svg>"
    )


def ticks(low: float, high: float, count: int = _NUM_TICKS) -> list[float]:
    """Round numbers from `low` to `high`, about `count` of them; high is greater than low."""
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(one for one in _STEPS if one * power >= raw * (1 - 1e-9)) * power
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def _scales(curves: Sequence[Curve], box: tuple[float, float, float, float]) -> tuple[_Scale, _Scale]:
    left, right, bottom, top = box
    frames = np.concatenate([curve.frames for curve in curves]).astype(np.float64)
    values = np.concatenate([curve.values for curve in curves])
    return _Scale(min(0.0, frames.min()), max(1.0, frames.max()), left, right), _range(values, bottom, top)


def _range(values: np.ndarray, bottom: float, top: float) -> _Scale:
    low, high = float(values.min()), float(values.max())
    # Relative to the values: those of a curve that hardly moves must not fall together in the picture.
    least = max(abs(low), abs(high), 1e-12) * 1e-6
    if high - low < least:
        room = abs(high) * 0.1 or 1.0
        return _Scale(low - room, high + room, bottom, top)
    return _Scale(low, high, bottom, top)


def labels(values: Sequence[float]) -> list[str]:
    """Texts of ticks with as many digits as tell them apart."""
    step = abs(values[1] - values[0]) if len(values) > 1 else 0.0
    largest = max((abs(value) for value in values), default=0.0)
    if not step or largest >= 1e4 or largest < 1e-3:
        return [short(value) if largest >= 1e4 else f"{value:.3g}" for value in values]
    decimals = max(0, math.ceil(-math.log10(step) - 1e-9) + (not _is_round(step)))
    return [f"{0.0 if abs(value) < step / 2 else value:,.{decimals}f}" for value in values]


def _is_round(step: float) -> bool:
    """Whether one digit is all that it has: 0.2 and not 0.25."""
    digits = step / 10.0 ** math.floor(math.log10(step) + 1e-9)
    return abs(digits - round(digits)) < 1e-6


def _horizontal(up: _Scale, width: float) -> list[str]:
    parts = []
    values = ticks(up.low, up.high, 4)
    for value, label in zip(values, labels(values), strict=True):
        y = float(up.place(np.array(value)))
        parts.append(f'<line class="grid" x1="{_LEFT:g}" x2="{width - _RIGHT:g}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6:g}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    return parts


def _vertical(across: _Scale, height: float) -> list[str]:
    parts = []
    values = ticks(across.low, across.high)
    for frames in values:
        x = float(across.place(np.array(frames)))
        label = f"{short(frames) if frames else 0}{' frames' if frames == values[-1] else ''}"
        anchor = "end" if x > across.end - 40 else "middle"
        parts.append(f'<text class="tick" x="{x:.1f}" y="{height - 6:g}" text-anchor="{anchor}">{label}</text>')
    return parts


def _polyline(curve: Curve, across: _Scale, up: _Scale, names: str, said: str = "") -> str:
    title = f"<title>{escape(said)}</title>" if said else ""
    return f'<polyline class="{names}" points="{_places(curve, across, up)}">{title}</polyline>'


def _band(low: Curve, high: Curve, across: _Scale, up: _Scale, colour: str) -> str:
    back = Curve(high.frames[::-1], high.values[::-1])
    return f'<polygon class="band {colour}" points="{_places(low, across, up)} {_places(back, across, up)}"/>'


def _places(curve: Curve, across: _Scale, up: _Scale) -> str:
    pairs = zip(across.place(curve.frames.astype(np.float64)).tolist(), up.place(curve.values).tolist(), strict=True)
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in pairs)
