"""Takes over the entries of another cache, of ours or of Sample Factory 1. Changes nothing there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

from sample_factory.envs.dmlab.level_cache.entries import DamagedError, Entry, fault
from sample_factory.envs.dmlab.level_cache.packs import write_packs
from sample_factory.envs.dmlab.level_cache.progress import Track, silently
from sample_factory.envs.dmlab.level_cache.store import LevelStore

_OVERHEAD_BYTES = 600  # of an entry in a pack beyond its payload, about


class Imported(NamedTuple):
    """What became of the entries of the other cache."""

    added: int
    present: int
    """Were stored already."""
    damaged: int
    """Left out."""
    refused: int
    """Sound, but above the limit of the cache."""


def import_levels(store: LevelStore, origin: LevelStore, track: Track = silently) -> Imported:
    """Add all sound entries of `origin`, in packs, and its lists of seeds. What was done is kept if it is cut short.

    Entries are added in the order of their keys, which are hashes, as long as the limit of `store` allows.

    Raises:
        OSError: a pack or a list could not be written, or `origin` cannot be read.
        ValueError: both are the same cache.
    """
    if store.path.resolve() == origin.path.resolve():
        raise ValueError(f"a cache cannot be imported into itself: {store.path}")
    copying = _Copying(store, origin)
    added: set[str] = set()
    for keys in write_packs(store.packs.folder, copying.entries(track)):
        added.update(keys)
    store.packs.refresh()
    _copy_seeds(store, origin, added | copying.present)
    return Imported(len(added), len(copying.present), copying.damaged, copying.refused)


class _Copying:
    def __init__(self, store: LevelStore, origin: LevelStore) -> None:
        self.present: set[str] = set()
        self.damaged = 0
        self.refused = 0
        self._room = store.room_bytes()
        self._store, self._origin = store, origin
        origin.packs.refresh()

    def entries(self, track: Track) -> Iterator[Entry]:
        """Sound entries that the store does not have, in the order of keys."""
        origin = self._origin
        keys = {*origin.loose.keys(), *origin.v1.keys(), *(key for pack in origin.packs for key in pack.keys()[0])}
        known = origin.v1.entries_known()
        for key in track(sorted(keys), "importing"):
            if self._store.read(key) is not None:
                self.present.add(key)
                continue
            sound = (entry for entry in _candidates(origin, key, known) if fault(entry) is None)
            entry = next(sound, None)
            if entry is None:
                self.damaged += 1
            elif (size := len(entry.payload) + _OVERHEAD_BYTES) > self._room:
                self.refused += 1
            else:
                self._room -= size
                yield entry


def _candidates(origin: LevelStore, key: str, known: dict[str, tuple[str, int]]) -> Iterator[Entry]:
    """Entries with this key that can be read, wherever they are."""
    for read in (origin.loose.read, *(pack.entry for pack in origin.packs)):
        with contextlib.suppress(DamagedError, OSError):
            if entry := read(key):
                yield entry
    with contextlib.suppress(DamagedError, OSError):
        if payload := origin.v1.read(key):
            yield Entry(key, *known.get(key, ("", 0)), payload)


def _copy_seeds(store: LevelStore, origin: LevelStore, stored: set[str]) -> None:
    """The lists say more than the entries where one level was made from several seeds."""
    for level in {*origin.seed_lists.levels(), *origin.v1.levels()}:
        lines = {line for line in origin.seed_lists.lines(level) | origin.v1.lines(level) if line[1] in stored}
        known = set(store.seeds(level))
        if new := {(seed, key) for seed, key in lines if seed not in known}:
            store.seed_lists.write(level, new)
