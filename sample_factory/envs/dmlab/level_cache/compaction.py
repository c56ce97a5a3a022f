"""Puts loose entries and small packs together into new packs. Knows nobody who reads meanwhile, and need not.

One rule makes it safe without a lock, whoever else compacts at the same time and whenever either is killed: a
compaction deletes only what is in a pack that it has itself put in its place, on the disk. So what several packs have
is written once only if all of them are read for the same new pack.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from sample_factory.envs.dmlab.level_cache.entries import DamagedError, Entry
from sample_factory.envs.dmlab.level_cache.files import remove, remove_stale
from sample_factory.envs.dmlab.level_cache.pack import FULL_BYTES, Pack
from sample_factory.envs.dmlab.level_cache.packs import write_packs
from sample_factory.envs.dmlab.level_cache.progress import Track, silently
from sample_factory.envs.dmlab.level_cache.store import LevelStore

log = logging.getLogger(__name__)

_MANY_DOUBLES = 0.1  # of the entries of the larger one of two packs


class Compacted(NamedTuple):
    """What a compaction did."""

    loose: int
    """Loose entries that are in a pack now."""
    packs: int
    """Packs that are now in other ones."""
    damaged: int
    """Entries that could not be taken along; what is left of them is in quarantine."""
    stale: int
    """Temporary files that were deleted."""


def compact(store: LevelStore, track: Track = silently) -> Compacted:
    """Move all loose entries into packs, merge small packs, remove doubles and what processes that died have left.

    Raises:
        OSError: a pack could not be written; nothing is lost.
    """
    stale = sum(1 for folder in ("objects", "packs", "seeds", "quarantine") for _ in _stale(store, folder))
    store.packs.refresh()
    packs = list(store.packs)
    chosen = {pack.name for pack in (*_small(packs, store.loose.size_bytes()), *_with_many_doubles(packs))}
    sources = [pack for pack in packs if pack.name in chosen]
    loose = store.loose.keys()
    damaged = rewrite(store, loose, sources, track)
    for level in store.seed_lists.levels():
        store.seed_lists.merge(level, _packed_seeds(store, level))
    return Compacted(len(loose), len(sources), damaged, stale)


def rewrite(
    store: LevelStore,
    loose: Sequence[str],
    packs: Sequence[Pack],
    track: Track = silently,
    find_fault: Callable[[Entry], str | None] = lambda entry: None,
) -> int:
    """Write loose entries and everything in some packs to new packs, then remove them; number of damaged entries.

    A pack in which anything was damaged goes to the quarantine instead, and one that cannot be read now stays.

    Args:
        find_fault: says what is wrong with an entry of a pack although its checksum is right.

    Raises:
        OSError: a pack could not be written; nothing is lost.
    """
    gathering = _Gathering(store, loose, packs, find_fault)
    for keys in write_packs(store.packs.folder, gathering.entries(track)):
        for key in gathering.loose.intersection(keys):
            remove(store.loose.path(key))
    for pack in packs:
        pack.close()
        if pack.name in gathering.damaged_packs:
            _to_quarantine(store, pack)
        elif pack.name not in gathering.unread_packs:
            remove(pack.path)
    store.packs.refresh()
    return gathering.num_damaged


class _Gathering:
    """The sound entries of several places, each key once, and what is wrong with the others."""

    def __init__(
        self,
        store: LevelStore,
        loose: Sequence[str],
        packs: Sequence[Pack],
        find_fault: Callable[[Entry], str | None],
    ) -> None:
        self.loose = set(loose)
        self.damaged_packs: set[str] = set()
        self.unread_packs: set[str] = set()
        self.num_damaged = 0
        self._store = store
        self._find_fault = find_fault
        self._packs: dict[str, list[Pack]] = {}
        for pack in packs:
            for key in self._keys(pack):
                self._packs.setdefault(key, []).append(pack)

    def entries(self, track: Track) -> Iterator[Entry]:
        """Each sound entry, in the order of keys."""
        for key in track(sorted(self.loose | self._packs.keys()), "compacting"):
            # Every place is read, so that no damage goes unnoticed and nothing is deleted that was not looked at.
            found = [self._from_loose(key)] if key in self.loose else []
            found += [self._from_pack(key, pack) for pack in self._packs.get(key, ())]
            if sound := [entry for entry in found if entry is not None]:
                yield sound[0]

    def _keys(self, pack: Pack) -> Iterable[str]:
        try:
            keys, are_all = pack.keys()
        except OSError as error:
            self._leave(pack, error)
            return ()
        if not are_all:
            self.damaged_packs.add(pack.name)
        return keys

    def _from_loose(self, key: str) -> Entry | None:
        try:
            entry = self._store.loose.read(key)
        except DamagedError as error:
            self._store.set_aside_loose(key, error)
            self.num_damaged += 1
            entry = None
        except OSError as error:
            log.warning("level cache: level %s stays where it is: %s", key, error)
            entry = None
        if entry is None:
            self.loose.discard(key)  # or it is gone: another compaction has taken it
        return entry

    def _from_pack(self, key: str, pack: Pack) -> Entry | None:
        try:
            entry = pack.entry(key)
            if entry is not None and (why := self._find_fault(entry)):
                raise DamagedError(why)
        except DamagedError as error:
            log.warning("level cache: level %s in pack %s is lost: %s", key, pack.path, error)
            self.damaged_packs.add(pack.name)
            self.num_damaged += 1
            return None
        except OSError as error:
            self._leave(pack, error)
            return None
        if entry is None:  # the index has a key that no row has
            self.damaged_packs.add(pack.name)
        return entry

    def _leave(self, pack: Pack, error: OSError) -> None:
        # One that is gone is in the pack of another compaction.
        if pack.name not in self.unread_packs and not isinstance(error, FileNotFoundError):
            log.warning("level cache: %s; it stays as it is", error)
        self.unread_packs.add(pack.name)


def _small(packs: Sequence[Pack], loose_bytes: int) -> list[Pack]:
    """Packs to merge so that each pack is at least twice as large as all smaller ones together.

    So there are few packs, and an entry is written anew only as often as its surroundings double.
    """
    sizes = sorted(((size, pack) for pack in packs if (size := _size(pack)) < FULL_BYTES), key=lambda item: item[0])
    smaller, num_merged = loose_bytes, 0
    for index, (size, _) in enumerate(sizes):
        if smaller and size < 2 * smaller:
            num_merged = index + 1
        smaller += size
    return [pack for _, pack in sizes[:num_merged]]


def _with_many_doubles(packs: Sequence[Pack]) -> list[Pack]:
    """Packs that share so many entries with another one that both are to be written anew.

    Two compactions at once leave such packs.
    """
    holders: dict[str, list[int]] = {}
    num_keys: Counter[int] = Counter()
    for index, pack in enumerate(packs if len(packs) > 1 else ()):
        with contextlib.suppress(OSError):
            for key in pack.keys()[0]:
                holders.setdefault(key, []).append(index)
                num_keys[index] += 1
    doubles = Counter(pair for indices in holders.values() for pair in combinations(indices, 2))
    pairs = [pair for pair, count in doubles.items() if count >= _MANY_DOUBLES * max(num_keys[side] for side in pair)]
    return [packs[index] for index in sorted({index for pair in pairs for index in pair})]


def _packed_seeds(store: LevelStore, level: str) -> set[int]:
    found: set[int] = set()
    for pack in store.packs:
        with contextlib.suppress(OSError, DamagedError):
            found.update(pack.seeds(level))
    return found


def _to_quarantine(store: LevelStore, pack: Pack) -> None:
    try:
        store.quarantine.keep(pack.path)
    except OSError as error:
        log.warning("level cache: pack %s is damaged and cannot be moved: %s", pack.path, error)


def _stale(store: LevelStore, folder: str) -> Iterator[str]:
    return remove_stale(os.path.join(store.path, folder))


def _size(pack: Pack) -> int:
    try:
        return os.stat(pack.path).st_size
    except OSError:
        return FULL_BYTES  # gone
