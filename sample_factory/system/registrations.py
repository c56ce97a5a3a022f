"""What a user's script adds by name, and how it reaches other processes. Does not know what is done with it.

Every kind of extension is the same thing: a name and a function or class. Names are looked up in the process that uses
them; a snapshot carries them from the main process to the others, where functions are imported by module and name.
"""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, Literal

Kind = Literal["environment", "encoder", "core", "action distribution"]
Registrations = Mapping[Kind, Mapping[str, Any]]

_registered: dict[Kind, dict[str, Any]] = defaultdict(dict)


def register(kind: Kind, name: str, entry: Any, built_in: Collection[str] = ()) -> None:
    """Make an extension known in this process; a second one of the same name replaces the first.

    Raises:
        ValueError: the name is empty, or one of `built_in`.
    """
    if not name:
        raise ValueError(f"the name of the {kind} must not be empty")
    if name in built_in:
        raise ValueError(f"{kind} {name!r} is part of the package: choose another name")
    _registered[kind][name] = entry


def registered(kind: Kind) -> Mapping[str, Any]:
    """Name -> what was registered, in the order of registration."""
    return dict(_registered[kind])


def snapshot() -> Registrations:
    """Everything that was registered in this process, to be sent to another one.

    Raises:
        ValueError: something cannot be found by module and name in another process.
    """
    for kind, entries in _registered.items():
        for name, entry in entries.items():
            _check_importable(kind, name, entry)
    return {kind: dict(entries) for kind, entries in _registered.items()}


def only(registrations: Registrations, *kinds: Kind) -> Registrations:
    """Those of some kinds, so that a process does not import what it has no use for."""
    return {kind: entries for kind, entries in registrations.items() if kind in kinds}


def restore(registrations: Registrations) -> None:
    """Add the registrations of another process."""
    for kind, entries in registrations.items():
        _registered[kind].update(entries)


def _check_importable(kind: Kind, name: str, entry: Any) -> None:
    try:
        pickle.dumps(entry)
    except Exception as error:
        raise ValueError(
            f"{kind} {name!r} cannot be used in worker processes: define it at the top level of a module, not as a "
            f"lambda or inside another function ({error})"
        ) from error
