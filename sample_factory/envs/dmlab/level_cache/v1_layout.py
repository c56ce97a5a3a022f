"""The layout of Sample Factory 1: payloads as `<root>/<key>`, seeds in `<root>/_<level>.dm_lvl_seeds`. Only reads.

Its writers copied files in place, so a file may be torn, and only the zip itself says whether it is.
"""

from __future__ import annotations

import os
import stat

from sample_factory.envs.dmlab.level_cache.entries import (
    MAX_PAYLOAD_BYTES,
    DamagedError,
    is_key,
    is_level,
    payload_fault,
)
from sample_factory.envs.dmlab.level_cache.files import names_in, read_file
from sample_factory.envs.dmlab.level_cache.seed_lists import Lines, parse_lines

_SUFFIX = ".dm_lvl_seeds"
_MAX_LIST_BYTES = 2**30
_MAP_OF_A_KEY = ("_aas_", "_noaas_")


class V1Layout:
    """A folder that may have been filled by Sample Factory 1, and may still be."""

    def __init__(self, root: str) -> None:
        self._root = root

    def path(self, key: str) -> str:
        """Where the payload is, if it is here."""
        return f"{self._root}/{key}"

    def read(self, key: str) -> bytes | None:
        """The payload, None if it is not here.

        Raises:
            DamagedError: it is no zip with the map, every bit as it was.
            OSError: it cannot be read.
        """
        return read_payload(self.path(key), key)

    def keys(self) -> list[str]:
        """Of all payloads, in order. Looks at every file of the folder."""
        names = (name for name in names_in(self._root) if is_key(name) and any(mark in name for mark in _MAP_OF_A_KEY))
        return [name for name in names if self.size_bytes(name) is not None]

    def size_bytes(self, key: str) -> int | None:
        """Of a payload; None if it is not here."""
        try:
            status = os.stat(self.path(key))
        except OSError:
            return None
        return status.st_size if stat.S_ISREG(status.st_mode) else None

    def seeds(self, level: str) -> set[int]:
        """What is written down about a level.

        Raises:
            OSError: it cannot be read.
        """
        return {seed for seed, _ in self.lines(level)}

    def lines(self, level: str) -> Lines:
        """The same, with keys."""
        if any(part in ("", ".", "..") for part in level.split("/")):
            return set()  # not a path below this folder
        return parse_lines(read_file(f"{self._root}/_{level}{_SUFFIX}", _MAX_LIST_BYTES) or b"")

    def levels(self) -> list[str]:
        """All levels that have a list."""
        found = []
        for top in (name for name in names_in(self._root) if name.startswith("_")):
            if top.endswith(_SUFFIX):
                found.append(top[1 : -len(_SUFFIX)])
            for folder, _, names in os.walk(os.path.join(self._root, top)):
                prefix = os.path.relpath(folder, self._root)[1:].replace(os.sep, "/")
                found += [f"{prefix}/{name[: -len(_SUFFIX)]}" for name in names if name.endswith(_SUFFIX)]
        return sorted(filter(is_level, found))

    def entries_known(self) -> dict[str, tuple[str, int]]:
        """Key -> level and seed, of all lists."""
        return {key: (level, seed) for level in self.levels() for seed, key in self.lines(level)}


def read_payload(path: str, key: str) -> bytes | None:
    """As `V1Layout.read`, from anywhere."""
    payload = read_file(path, MAX_PAYLOAD_BYTES + 1)
    if payload is not None and (fault := payload_fault(key, payload)):
        raise DamagedError(fault)
    return payload
