"""Looks at every entry of a store, and puts away what is damaged. Does not know how it came to be damaged."""

from __future__ import annotations

import contextlib
import os
from typing import NamedTuple

from sample_factory.envs.dmlab.level_cache.compaction import rewrite
from sample_factory.envs.dmlab.level_cache.entries import DamagedError, fault, is_key
from sample_factory.envs.dmlab.level_cache.files import give_name, make_folder
from sample_factory.envs.dmlab.level_cache.loose import read_entry
from sample_factory.envs.dmlab.level_cache.pack import SUFFIX, Pack
from sample_factory.envs.dmlab.level_cache.progress import Track, silently
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.v1_layout import read_payload


class Verified(NamedTuple):
    """What was found."""

    sound: int
    damaged: int
    """Entries that are in quarantine now, and packs that are."""
    unread: list[str]
    """What could not be read, and may be sound."""
    restored: int
    """Entries that were sound in quarantine and are back in their places."""


def verify(store: LevelStore, track: Track = silently) -> Verified:
    """Check every entry, unpacking it. Of a damaged pack, what is sound is written to a new one.

    Raises:
        OSError: there is no place for the new pack; nothing is lost.
    """
    check = _Check(store)
    restored = sum(_restore(store, name) for name in store.quarantine.names())
    for key in track(store.loose.keys(), "checking loose levels"):
        check.loose(key)
    for key in track(store.v1.keys(), "checking levels of Sample Factory 1"):
        check.v1(key)
    checked: set[str] = set()
    store.packs.refresh()
    # A compaction may put what was not looked at yet into packs that were not there before.
    while new := [pack for pack in store.packs if pack.name not in checked]:
        for pack in new:
            check.pack(pack, track)
            checked.add(pack.name)
        store.packs.refresh()
    return Verified(check.sound, check.damaged, check.unread, restored)


class _Check:
    def __init__(self, store: LevelStore) -> None:
        self.sound, self.damaged = 0, 0
        self.unread: list[str] = []
        self._store = store

    def loose(self, key: str) -> None:
        try:
            self.sound += read_entry(self._store.loose.path(key), key) is not None
        except DamagedError as error:
            self.damaged += 1
            self._store.set_aside_loose(key, error)
        except OSError as error:
            self.unread.append(str(error))

    def v1(self, key: str) -> None:
        try:
            self.sound += self._store.v1.read(key) is not None
        except DamagedError as error:
            self.damaged += 1
            self._store.set_aside_v1(key, error)
        except OSError as error:
            self.unread.append(str(error))

    def pack(self, pack: Pack, track: Track) -> None:
        sound, are_sound = 0, True
        try:
            keys, are_sound = pack.keys()
            for key in track(keys, f"checking {pack.name}"):
                is_sound = _is_sound(pack, key)
                sound += is_sound
                are_sound = are_sound and is_sound
        except FileNotFoundError:
            return  # a compaction has put all of it into another one
        except OSError as error:
            self.unread.append(str(error))
            return
        if are_sound:
            self.sound += sound
        else:  # what is sound is counted in its new pack
            self.damaged += max(len(keys) - sound, 1)
            rewrite(self._store, [], [pack], find_fault=fault)


def _is_sound(pack: Pack, key: str) -> bool:
    try:
        entry = pack.entry(key)
    except DamagedError:
        return False
    return entry is not None and fault(entry) is None


def _restore(store: LevelStore, name: str) -> bool:
    """Put a file back that is sound: whoever moved it here was killed before it saw that."""
    if not is_key(name) or name.endswith(SUFFIX):
        return False
    for read, place in ((read_entry, store.loose.path(name)), (read_payload, store.v1.path(name))):
        with contextlib.suppress(DamagedError, OSError):
            if read(store.quarantine.path(name), name) is not None:
                make_folder(os.path.dirname(place))
                give_name(store.quarantine.path(name), place)
                return True
    return False
