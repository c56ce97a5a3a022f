"""Numbers as people read them. Pure; does not know what they measure."""

from __future__ import annotations

import math

UNKNOWN = "-"
_UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def count(value: float | None) -> str:
    """9,480,476."""
    return UNKNOWN if value is None or not math.isfinite(value) else f"{value:,.0f}"


def short(value: float | None) -> str:
    """9.48 M; for axes and goals."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size, name = next((unit for unit in _UNITS if abs(value) >= unit[0]), (1.0, ""))
    return f"{value / size:.3g} {name}".rstrip()


def number(value: float | None) -> str:
    """Four digits that mean something: 1,234, 19.06, 0.0213, 3e-05."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    if abs(value) >= 1000:
        return f"{value:,.0f}" if abs(value) < 1e9 else f"{value:.3g}"
    if value == 0 or abs(value) >= 1e-3:
        return f"{value:.4g}"
    return f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """4 d 03 h, 2 h 05 min, 3 min 20 s, 12 s."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = round(max(0.0, seconds))
    for size, name, part, of_part in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            return f"{whole // size} {name} {whole % size // part:02d} {of_part}"
    return f"{whole} s"


def ago(seconds: float | None) -> str:
    """12 s ago, 3 h ago."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    size, name = next((unit for unit in ((86400, "d"), (3600, "h"), (60, "min")) if whole >= unit[0]), (1, "s"))
    return f"{whole // size} {name} ago"
