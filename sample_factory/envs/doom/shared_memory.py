"""Clears away what killed VizDoom processes leave in /dev/shm. Does not know who started them.

Every game has three objects there, named after its instance id, which is on the command line of its engine process.
They outlive both processes when the parent is killed. Engines in another container that shares /dev/shm cannot be seen:
do not sweep there.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_FOLDER = Path("/dev/shm")
_PREFIXES = ("ViZDoomSM", "ViZDoomMQCtr", "ViZDoomMQDoom")
_COMMON_PREFIX = f"{_FOLDER}/ViZDoom"
_ID_ARGUMENT = b"+viz_instance_id"
# The objects are made before the engine starts: half a second on a cold disk, more on a busy machine.
_START_UP_SEC = 60.0


def engine_processes() -> dict[str, int]:
    """Process id of every running engine on this machine, by instance id."""
    found: dict[str, int] = {}
    for entry in _listed(Path("/proc")):
        if entry.name.isdigit() and (instance_id := engine_instance(int(entry.name))):
            found[instance_id] = int(entry.name)
    return found


def engine_instance(pid: int) -> str | None:
    """Instance id of the engine that runs as this process; None if the process is no engine or has ended."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        # The library separates the option and its value by an argument boundary.
        return arguments[arguments.index(_ID_ARGUMENT) + 1].decode()
    except (OSError, ValueError, IndexError):
        return None


def shared_objects(instance_id: str) -> list[Path]:
    """The existing shared-memory objects of one game."""
    return [path for prefix in _PREFIXES if (path := _FOLDER / f"{prefix}{instance_id}").exists()]


def sweep(dead_instances: Iterable[str] = (), *, min_age_sec: float = _START_UP_SEC) -> list[str]:
    """Remove the objects of these games, and those of all games without a process that are at least this old.

    Returns:
        Names of the removed objects.
    """
    dead = set(dead_instances)
    alive = engine_processes()
    removed = []
    for path, instance_id in _all_objects():
        is_leftover = instance_id not in alive and _age_sec(path) >= min_age_sec
        if (instance_id in dead or is_leftover) and _remove(path):
            removed.append(path.name)
    return removed


def sweep_unused(*, min_age_sec: float = 1.0) -> None:
    """Remove the objects that no process has mapped: those of killed games, whatever their age.

    A game maps its objects from the moment it makes them, half a second before its engine runs.
    """
    candidates = [path for path, _ in _all_objects() if _age_sec(path) >= min_age_sec]
    if candidates:
        mapped = _mapped_objects()
        for path in candidates:
            if path.name not in mapped:
                _remove(path)


def _mapped_objects() -> set[str]:
    found = set()
    for entry in _listed(Path("/proc")):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended, or is another user's
                lines = (entry / "maps").read_text(errors="replace").splitlines()
                found |= {line.rpartition("/")[2] for line in lines if _COMMON_PREFIX in line}
    return found


def _all_objects() -> Iterator[tuple[Path, str]]:
    for path in _listed(_FOLDER):
        for prefix in _PREFIXES:
            if path.name.startswith(prefix):
                yield path, path.name.removeprefix(prefix)


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # no such folder: not Linux
        return []


def _age_sec(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return 0.0


def _remove(path: Path) -> bool:
    try:
        os.unlink(path)
    except OSError:  # gone already, or another user's
        return False
    return True
