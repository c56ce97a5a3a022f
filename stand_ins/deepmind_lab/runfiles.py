"""Where the engine's files are said to lie: one path for the whole process. Knows nothing about what lies there."""

from __future__ import annotations

from pathlib import Path

LONGEST_PATH = 4096

_path = str(Path(__file__).parent)


def runfiles_path() -> str:
    """The folder that the next `Lab` takes its files from."""
    return _path


def set_runfiles_path(path: str, /) -> bool:
    """Change the folder for every `Lab` made from now on; True, or RuntimeError if the path is too long."""
    global _path
    if not isinstance(path, str):
        raise TypeError(f"argument 1 must be str, not {'None' if path is None else type(path).__name__}")
    if len(path) >= LONGEST_PATH:
        raise RuntimeError("Runfiles directory name too long!")
    _path = path
    return True
