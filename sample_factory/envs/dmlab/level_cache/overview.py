"""What is in a store, counted without reading payloads. Does not know whether it is sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from sample_factory.envs.dmlab.level_cache.entries import DamagedError
from sample_factory.envs.dmlab.level_cache.progress import Track, silently
from sample_factory.envs.dmlab.level_cache.store import BYTES_PER_GB, LevelStore

_UNKNOWN = "(unknown)"


@dataclass
class Overview:
    """Counts of entries, and bytes on the disk."""

    loose: int = 0
    loose_bytes: int = 0
    packed: int = 0
    packs: int = 0
    pack_bytes: int = 0
    v1: int = 0
    v1_bytes: int = 0
    quarantined: int = 0
    unreadable: int = 0
    """Loose entries and packs about which nothing can be said; `verify` looks closer."""
    levels: Counter[str] = field(default_factory=Counter)
    """Entries of each level."""

    def lines(self) -> Iterator[str]:
        """For people."""
        total, size = self.loose + self.packed + self.v1, self.loose_bytes + self.pack_bytes + self.v1_bytes
        yield f"{total} levels, {_gb(size)}"
        yield f"  loose       {self.loose:9}  {_gb(self.loose_bytes)}"
        yield f"  packed      {self.packed:9}  {_gb(self.pack_bytes)} in {self.packs} packs"
        if self.v1:
            yield f"  v1 layout   {self.v1:9}  {_gb(self.v1_bytes)}"
        yield f"  quarantined {self.quarantined:9}"
        if self.unreadable:
            yield f"  unreadable  {self.unreadable:9}  (verify says more)"
        yield from (f"  {count:9}  {level}" for level, count in sorted(self.levels.items()))


def overview(store: LevelStore, track: Track = silently) -> Overview:
    """Count everything.

    Raises:
        OSError: a folder cannot be read.
    """
    found = Overview(loose_bytes=store.loose.size_bytes(), quarantined=len(store.quarantine.names()))
    for key in track(store.loose.keys(), "reading headers"):
        _count_loose(store, key, found)
    _count_v1(store, found)
    store.packs.refresh()
    found.pack_bytes = store.packs.size_bytes
    for pack in store.packs:
        found.packs += 1
        try:
            for level, count, _ in pack.summary():
                found.packed += count
                found.levels[level or _UNKNOWN] += count
        except (DamagedError, OSError):
            found.unreadable += 1
    return found


def _count_loose(store: LevelStore, key: str, found: Overview) -> None:
    try:
        level = store.loose.level(key)
    except (DamagedError, OSError):
        found.unreadable += 1
        return
    if level is not None:
        found.loose += 1
        found.levels[level or _UNKNOWN] += 1


def _count_v1(store: LevelStore, found: Overview) -> None:
    known = store.v1.entries_known()
    keys = store.v1.keys()
    for key in keys:
        found.v1 += 1
        found.v1_bytes += store.v1.size_bytes(key) or 0
        found.levels[known[key][0] if key in known else _UNKNOWN] += 1


def _gb(size_bytes: int) -> str:
    return f"{size_bytes / BYTES_PER_GB:.3f} GB"
