"""Finds the levels of FreeDM, free deathmatch levels that Linux distributions package. Knows no engine."""

from __future__ import annotations

from pathlib import Path

_FOLDERS = (
    "/usr/share/games/doom",  # Debian
    "/usr/share/doom",
    "/usr/local/share/games/doom",
    "/usr/local/share/doom",
)


def freedm_path() -> Path | None:
    """Path of freedm.wad; None if it is not installed (on Debian it is the package `freedm`)."""
    paths = (Path(folder) / "freedm.wad" for folder in _FOLDERS)
    return next((path for path in paths if path.is_file()), None)
