"""The level store: compiled levels on disk, shared by any number of processes, without a lock. Knows no DeepMind Lab.

    objects/<shard>/<key>            an entry, as it was finished (`loose.py`)
    packs/<name>.sqlite              many entries, as compaction has put them together (`packs.py`)
    seeds/<level>/<writer>.seeds     which seeds of a level are stored (`seed_lists.py`)
    quarantine/<key>                 what was found damaged (`quarantine.py`)
    <key>, _<level>.dm_lvl_seeds     what Sample Factory 1 has left (`v1_layout.py`)

An entry never changes and is never deleted before it is in a pack, so whoever finds it can use it, and whoever does not
compiles the level, which is always right.
"""

from __future__ import annotations

import logging
import math
import operator
import os
from collections.abc import Callable
from pathlib import Path

from sample_factory.envs.dmlab.level_cache.entries import DamagedError, Entry, fault, is_key, is_level
from sample_factory.envs.dmlab.level_cache.loose import SHARDS, LooseEntries, read_entry
from sample_factory.envs.dmlab.level_cache.pack import Pack, PackDamagedError
from sample_factory.envs.dmlab.level_cache.packs import Packs
from sample_factory.envs.dmlab.level_cache.quarantine import Quarantine
from sample_factory.envs.dmlab.level_cache.seed_lists import SeedLists
from sample_factory.envs.dmlab.level_cache.v1_layout import V1Layout, read_payload

log = logging.getLogger(__name__)

BYTES_PER_GB = 10**9


class LevelStore:
    """One cache of compiled levels. May be made before a fork; nothing is opened or written before it is needed."""

    def __init__(self, path: Path, max_gb: float | None = None) -> None:
        """Use the folder `path`, which need not exist.

        Args:
            max_gb: do not store more than so many gigabytes (10^9 bytes), each of the 256 shards having its share;
                what is there stays. What Sample Factory 1 has left is not counted. None sets no limit.

        Raises:
            ValueError: the limit is negative.
        """
        if max_gb is not None and not max_gb >= 0:
            raise ValueError(f"the limit of a level cache must not be negative: {max_gb} GB")
        root = os.path.abspath(os.path.expanduser(path))
        self.path = Path(root)
        self.loose = LooseEntries(root)
        self.packs = Packs(root)
        self.v1 = V1Layout(root)
        self.quarantine = Quarantine(root)
        self.seed_lists = SeedLists(root)
        self._max_bytes = None if max_gb is None else max_gb * BYTES_PER_GB
        self._said: set[str] = set()

    # hot path
    def read(self, key: str) -> bytes | None:
        """The pk3 with this key, checked; None if it is not stored. Never raises for what is on the disk."""
        if not is_key(key):
            self._say_once(f"key {key}", "level cache: %.250r is not the key of a level", key)
            return None
        # In this order: compaction deletes a loose entry after it has put it into a pack.
        payload = self._read_loose(key)
        if payload is None:
            payload = self._read_packed(key)
        return self._read_v1(key) if payload is None else payload

    def write(self, key: str, payload: bytes, level: str, seed: int) -> bool:
        """Store a level; whether it is stored now, on the disk, where every process finds it. Never raises.

        Args:
            key: a key that is stored already is not written again.
            payload: the pk3; refused if it is no zip with the map of this key.
            level: path of the level that it was compiled for; empty if unknown, and then it is in no list of seeds.
            seed: the seed of that level.
        """
        entry = Entry(key, level, operator.index(seed), bytes(payload))
        if why := fault(entry):
            self._say_once(f"refused {key}", "level cache: %.250r is not stored: %s", key, why)
            return False
        if self.read(key) is None and not self._write_loose(entry):
            return False
        if level:
            self._guard("seed list", lambda: self.seed_lists.add(level, entry.seed, key))
        return True

    def seeds(self, level: str) -> list[int]:
        """Seeds of a level that should be stored, in order. A hint: one may be missing, or its level be gone."""
        if not is_level(level):
            return []
        found: set[int] = set()
        # In this order: compaction deletes a line after it has put its level into a pack.
        self._guard("seed list", lambda: found.update(self.seed_lists.seeds(level)))
        self._guard("seed list", lambda: found.update(self.v1.seeds(level)))
        self._guard("packs", self.packs.refresh)
        while True:
            for pack in self.packs:
                found.update(self._packed_seeds(pack, level))
            if not self._guard("packs", self.packs.refresh):
                return sorted(found)

    def room_bytes(self) -> float:
        """Until the limit is reached; infinite without one. Looks at every file."""
        if self._max_bytes is None:
            return math.inf
        self.packs.refresh()
        return self._max_bytes - self.packs.size_bytes - self.loose.size_bytes()

    def close(self) -> None:
        """Give all files back. The store may be used again."""
        self.packs.close()

    def _read_loose(self, key: str) -> bytes | None:
        try:
            entry = self.loose.read(key)
        except DamagedError as error:
            self.set_aside_loose(key, error)
            return None
        except OSError as error:
            self._say_once(f"loose {error.errno}", "level cache: cannot read level %s: %s", key, error)
            return None
        return None if entry is None else entry.payload

    def _read_packed(self, key: str) -> bytes | None:
        self._guard("packs", self.packs.refresh_if_changed)
        while True:
            for pack in self.packs:
                if (payload := self._read_pack(pack, key)) is not None:
                    return payload
            # Compaction may have moved it since the folder was listed: look until nothing changes any more.
            if not self._guard("packs", self.packs.refresh):
                return None

    def _read_pack(self, pack: Pack, key: str) -> bytes | None:
        try:
            return pack.read(key)
        except PackDamagedError as error:
            self._say_once(pack.name, "level cache: %s; 'verify' saves what can be read of it", error)
        except DamagedError as error:
            self._note(key, pack, error)
        except FileNotFoundError:
            pass
        except OSError as error:
            self._say_once(pack.name, "level cache: %s", error)
        return None

    def _packed_seeds(self, pack: Pack, level: str) -> list[int]:
        try:
            return pack.seeds(level)
        except FileNotFoundError:
            pass
        except (DamagedError, OSError) as error:
            self._say_once(pack.name, "level cache: %s", error)
        return []

    def _read_v1(self, key: str) -> bytes | None:
        try:
            return self.v1.read(key)
        except DamagedError as error:
            self.set_aside_v1(key, error)
        except OSError as error:
            self._say_once(f"v1 {error.errno}", "level cache: cannot read level %s: %s", key, error)
        return None

    def set_aside_loose(self, key: str, error: DamagedError) -> None:
        """Move a damaged loose entry to the quarantine and say so."""
        self._set_aside(self.loose.path(key), lambda path: read_entry(path, key), error)

    def set_aside_v1(self, key: str, error: DamagedError) -> None:
        """Move a damaged file of Sample Factory 1 to the quarantine and say so."""
        self._set_aside(self.v1.path(key), lambda path: read_payload(path, key), error)

    def _set_aside(self, path: str, check: Callable[[str], object], why: DamagedError) -> None:
        try:
            if self.quarantine.take(path, check):
                log.warning("level cache: %s is damaged and is now in quarantine: %s", path, why)
        except OSError as error:
            self._say_once(path, "level cache: %s is damaged (%s) and cannot be moved: %s", path, why, error)

    def _note(self, key: str, pack: Pack, why: DamagedError) -> None:
        about = f"{key} {pack.name}"
        if about in self._said:
            return
        try:
            is_news = self.quarantine.note(key, pack.name, str(why))
        except OSError:
            is_news = True  # on a disk that cannot be written, each process says it
        if is_news:
            self._say_once(about, "level cache: level %s in pack %s is damaged: %s", key, pack.path, why)
        self._said.add(about)

    def _write_loose(self, entry: Entry) -> bool:
        try:
            if not self._has_room(entry):
                text = "level cache: %s has reached its limit of %g GB; new levels are not stored any more"
                self._say_once("limit", text, self.path, (self._max_bytes or 0) / BYTES_PER_GB)
                return False
            self.loose.write(entry)
        except OSError as error:
            text = "level cache: cannot store levels in %s: %s"
            self._say_once(f"write {error.errno}", text, self.path, error.strerror or error)
            return False
        return True

    def _has_room(self, entry: Entry) -> bool:
        """Looks at the entry's own shard only: no process ever lists the whole cache."""
        if self._max_bytes is None:
            return True
        share = (self._max_bytes - self.packs.size_bytes) / SHARDS
        return self.loose.shard_bytes(entry.key) + len(entry.payload) <= share

    def _guard(self, about: str, action: Callable[[], object]) -> object:
        """The result of an action; None, once saying why, if the disk or what is on it did not let it be done."""
        try:
            return action()
        except OSError as error:
            self._say_once(f"{about} {error.errno}", "level cache: %s", error)
            return None

    def _say_once(self, about: str, text: str, *values: object) -> None:
        if about not in self._said:
            self._said.add(about)
            log.warning(text, *values)
