"""Four ways to keep many levels under keys: ours loose and packed, one database, LMDB. Measures nothing.

Each promises the same: what `put` has returned from is on the disk. Only ours check what they read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from sample_factory.envs.dmlab.level_cache.entries import Entry, encode
from sample_factory.envs.dmlab.level_cache.loose import LooseEntries
from sample_factory.envs.dmlab.level_cache.packs import write_packs
from sample_factory.envs.dmlab.level_cache.store import LevelStore

_BUSY_SEC = 60.0
_MAP_BYTES = 64 * 2**30
_BATCH = 10_000


class OpenStore(Protocol):
    """A store as one process uses it."""

    def get(self, key: str) -> bytes | None:
        """The payload, None if there is none."""

    def put(self, entry: Entry) -> None:
        """Add one."""


class Kind(Protocol):
    """A way to keep them."""

    def build(self, folder: Path, entries: Iterable[Entry]) -> None:
        """Fill an empty folder, in the fastest way; entries come in the order of keys."""

    def open(self, folder: Path) -> OpenStore:
        """For one process; to be called in it."""

    def problems(self, folder: Path) -> list[str]:
        """What its own check says after processes were killed."""


class _Ours:
    def __init__(self, folder: Path) -> None:
        self._store = LevelStore(folder)
        self.get = self._store.read

    def put(self, entry: Entry) -> None:
        # Not `write`, which looks for a map in the payload, and what is measured here is none.
        if self._store.read(entry.key) is None:
            self._store.loose.write(entry)
            self._store.seed_lists.add(entry.level, entry.seed, entry.key)


class Loose:
    """Our store before compaction."""

    def build(self, folder: Path, entries: Iterable[Entry]) -> None:
        loose = LooseEntries(str(folder))
        for entry in entries:
            path = Path(loose.path(entry.key))
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True)
            path.write_bytes(encode(entry))  # without a flush each: that is not what is measured
        os.sync()

    def open(self, folder: Path) -> OpenStore:
        return _Ours(folder)

    def problems(self, folder: Path) -> list[str]:
        return []


class Packed:
    """Our store after compaction; what is written meanwhile is loose."""

    def build(self, folder: Path, entries: Iterable[Entry]) -> None:
        for _ in write_packs(str(folder / "packs"), entries):
            pass

    def open(self, folder: Path) -> OpenStore:
        return _Ours(folder)

    def problems(self, folder: Path) -> list[str]:
        return []


class _Database:
    def __init__(self, folder: Path) -> None:
        self._connection = sqlite3.connect(folder / "levels.db", timeout=_BUSY_SEC, isolation_level=None)
        self._connection.execute("PRAGMA synchronous = FULL")

    def get(self, key: str) -> bytes | None:
        row = self._connection.execute("SELECT payload FROM levels WHERE key = ?", (key,)).fetchone()
        return None if row is None else row[0]

    def put(self, entry: Entry) -> None:
        values = (entry.key, entry.level, entry.seed, entry.payload)
        self._connection.execute("INSERT OR IGNORE INTO levels VALUES (?, ?, ?, ?)", values)


class Database:
    """One SQLite database with a write-ahead log."""

    def build(self, folder: Path, entries: Iterable[Entry]) -> None:
        connection = sqlite3.connect(folder / "levels.db", isolation_level=None)
        connection.execute("PRAGMA page_size = 1024")  # as in our packs
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE levels (key TEXT PRIMARY KEY, level TEXT, seed INTEGER, payload BLOB)")
        connection.execute("BEGIN")
        rows = ((entry.key, entry.level, entry.seed, entry.payload) for entry in entries)
        connection.executemany("INSERT INTO levels VALUES (?, ?, ?, ?)", rows)
        connection.execute("CREATE INDEX levels_by_level ON levels (level, seed)")
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.close()

    def open(self, folder: Path) -> OpenStore:
        return _Database(folder)

    def problems(self, folder: Path) -> list[str]:
        rows = sqlite3.connect(folder / "levels.db").execute("PRAGMA quick_check").fetchall()
        return [str(row[0]) for row in rows if row[0] != "ok"]


class _Lmdb:
    def __init__(self, folder: Path) -> None:
        self._env = _lmdb_env(folder)

    def get(self, key: str) -> bytes | None:
        with self._env.begin(buffers=False) as transaction:
            found: bytes | None = transaction.get(key.encode())
            return found

    def put(self, entry: Entry) -> None:
        self._env.reader_check()  # or what killed readers have left fills the table of readers
        with self._env.begin(write=True) as transaction:
            transaction.put(entry.key.encode(), entry.payload, overwrite=False)


class Lmdb:
    """The memory-mapped database; its package `lmdb` must be installed."""

    def build(self, folder: Path, entries: Iterable[Entry]) -> None:
        env = _lmdb_env(folder)
        waiting: list[tuple[bytes, bytes]] = []
        for entry in entries:
            waiting.append((entry.key.encode(), entry.payload))
            if len(waiting) == _BATCH:
                _append(env, waiting)
                waiting = []
        _append(env, waiting)
        env.close()

    def open(self, folder: Path) -> OpenStore:
        return _Lmdb(folder)

    def problems(self, folder: Path) -> list[str]:
        env = _lmdb_env(folder)
        stale = env.reader_check()
        env.close()
        return [f"{stale} places in the table of readers were left by killed processes"] if stale else []


def _append(env: Any, items: list[tuple[bytes, bytes]]) -> None:
    with env.begin(write=True) as transaction:
        transaction.cursor().putmulti(items, append=True)


def _lmdb_env(folder: Path) -> Any:
    import lmdb  # not a requirement of anything else

    return lmdb.open(str(folder), map_size=_MAP_BYTES, max_readers=1024, lock=True, readahead=False)


KINDS: dict[str, Kind] = {
    "loose files": Loose(),
    "packs": Packed(),
    "one SQLite database": Database(),
    "LMDB": Lmdb(),
}
