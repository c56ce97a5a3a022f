"""One pack: an SQLite file with many entries, written once and never changed. Knows no other pack and no loose entry.

Readers open it as immutable, so SQLite takes no lock and looks for no journal: a pack may lie on any file system.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import quote

from sample_factory.envs.dmlab.level_cache.entries import DamagedError, Entry, is_key
from sample_factory.envs.dmlab.level_cache.files import give_name, make_folder, remove, temporary_path, unique_name

SUFFIX = ".sqlite"
FULL_BYTES = 8 * 2**30
"""A pack is finished when it has this many bytes of payload; loose entries go before the next one is begun."""

# A payload fills whole pages, so up to one is wasted: with 1 KiB never more than 5% of a payload of 25 KB, on average
# 2.1%; with 4 KiB up to 16%, on average 3.4%, and a third more lookups/s (`benchmarks.level_stores --pages`).
PAGE_BYTES = 1024
_TABLE = (
    "CREATE TABLE levels (key TEXT NOT NULL PRIMARY KEY, level TEXT NOT NULL, seed INTEGER NOT NULL, "
    "sha256 BLOB NOT NULL, payload BLOB NOT NULL)"
)
# With the seed, so that the seeds of a level are found without a look at the rows.
_INDEX = "CREATE INDEX levels_by_level ON levels (level, seed)"
# Nothing to undo and nothing to wait for: a pack that is not finished is thrown away.
_BEGIN = (
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA temp_store = MEMORY",
    "BEGIN",
    _TABLE,
)
# Where a page is damaged, what lies before and behind it can still be read, in the order of keys and of rows.
_KEYS = tuple(
    f"SELECT key, rowid FROM levels {order}"
    for order in ("ORDER BY key", "ORDER BY key DESC", "NOT INDEXED ORDER BY rowid", "NOT INDEXED ORDER BY rowid DESC")
)
_NUM_ROWS = "SELECT count(*) FROM levels NOT INDEXED"


class PackDamagedError(DamagedError):
    """The pack itself is damaged or none at all: what cannot be read may or may not have been in it."""


class Pack:
    """A finished pack. Opened when it is first read, anew in each process."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.name = os.path.basename(path)
        self._connection: sqlite3.Connection | None = None
        self._pid = 0
        self._row_of: dict[Any, int] = {}
        self._of_other_processes: list[sqlite3.Connection] = []  # after a fork they are neither used nor closed

    # hot path
    def read(self, key: str) -> bytes | None:
        """Payload of an entry; None if it is not here.

        Raises:
            DamagedError: it is here, and not as it was written.
            PackDamagedError: the pack cannot be searched.
            FileNotFoundError: a compaction has put all of it into another pack.
            OSError: the pack cannot be read now.
        """
        for sha256, payload in self._rows("SELECT sha256, payload FROM levels WHERE key = ?", key):
            return _checked(sha256, payload)
        return None

    def entry(self, key: str) -> Entry | None:
        """The whole entry; as `read`."""
        column, value = ("rowid", self._row_of[key]) if key in self._row_of else ("key", key)
        query = f"SELECT key, level, seed, sha256, payload FROM levels WHERE {column} = ?"
        for found, level, seed, sha256, payload in self._rows(query, value):
            if found != key or not isinstance(seed, int):
                raise DamagedError("it has another key, or its seed is no number")
            return Entry(key, str(level), seed, _checked(sha256, payload))
        return None

    def keys(self) -> tuple[list[str], bool]:
        """Keys in order, as far as they can be read, and whether they are all.

        Raises:
            OSError: the pack cannot be read now.
        """
        found: dict[Any, int] = {}
        for query in _KEYS:
            with contextlib.suppress(PackDamagedError):
                found.update(self._rows(query))  # what comes before an error stays
                if query == _KEYS[0] and list(self._rows(_NUM_ROWS)) == [(len(found),)]:
                    return _sorted_keys(found), True
        self._row_of = found  # there is no relying on the index
        return _sorted_keys(found), False

    def seeds(self, level: str) -> list[int]:
        """Of the entries of a level.

        Raises:
            PackDamagedError, OSError: as `read`.
        """
        rows = self._rows("SELECT seed FROM levels WHERE level = ?", level)
        return [seed for (seed,) in rows if isinstance(seed, int)]

    def summary(self) -> list[tuple[str, int, int]]:
        """Level, number of entries and bytes of their payloads, for each level.

        Raises:
            PackDamagedError, OSError: as `read`.
        """
        rows = self._rows("SELECT level, count(*), sum(length(payload)) FROM levels GROUP BY level")
        return [(str(level), int(count), int(size)) for level, count, size in rows]

    def close(self) -> None:
        """Give the file back; the next call opens it again."""
        if self._connection is not None and self._pid == os.getpid():
            self._connection.close()
            self._connection = None

    def __del__(self) -> None:
        self.close()  # SQLite's connections complain if that is left to them

    def _rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        try:
            yield from self._open().execute(query, values)
        except sqlite3.OperationalError as error:
            if not os.path.exists(self.path):
                raise FileNotFoundError(f"pack {self.path} is gone") from None
            raise OSError(f"cannot read pack {self.path}: {error}") from None
        except (sqlite3.Error, MemoryError) as error:  # a length that is no length
            raise PackDamagedError(f"pack {self.path} is damaged: {error}") from None

    def _open(self) -> sqlite3.Connection:
        if self._connection is not None and self._pid == os.getpid():
            return self._connection
        if self._connection is not None:
            self._of_other_processes.append(self._connection)
            self._connection = None
        connection = sqlite3.connect(
            f"file:{quote(self.path)}?mode=ro&immutable=1", uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._pid = connection, os.getpid()
        return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """A pack may come from anywhere: it must have our table, not a view of that name, which could compute for ever."""
    connection.text_factory = lambda text: text.decode("utf-8", "replace")
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    # A pack that is cut short would end the process if it was mapped.
    connection.execute("PRAGMA mmap_size = 0")
    # KiB of pages kept per pack and process; the system's own cache is shared by all of them.
    connection.execute("PRAGMA cache_size = -512")
    if connection.execute("SELECT sql FROM sqlite_master WHERE name = 'levels'").fetchall() != [(_TABLE,)]:
        raise sqlite3.DatabaseError("it has no table of levels")


def _sorted_keys(found: Iterable[Any]) -> list[str]:
    return sorted(key for key in found if isinstance(key, str) and is_key(key))


def _checked(sha256: object, payload: object) -> bytes:
    if not isinstance(payload, bytes) or hashlib.sha256(payload).digest() != sha256:
        raise DamagedError("its checksum is wrong")
    return payload


class PackWriter:
    """A pack that is being written, under a temporary name. Entries had better come in the order of their keys."""

    def __init__(self, folder: str, page_bytes: int = PAGE_BYTES) -> None:
        """Begin.

        Raises:
            OSError: there is no place for it.
        """
        make_folder(folder)
        self.size_bytes = 0
        """Of payloads."""
        self.keys: list[str] = []
        """Added so far."""
        self._folder = folder
        self._temporary = temporary_path(folder)
        # nolock: on network file systems SQLite's locks may hang, and nobody else knows the name.
        url = f"file:{quote(self._temporary)}?nolock=1"
        with self._disk_errors():
            self._connection = sqlite3.connect(url, uri=True, isolation_level=None)
        try:
            with self._disk_errors():
                for statement in (f"PRAGMA page_size = {page_bytes}", *_BEGIN):
                    self._connection.execute(statement)
        except OSError:
            self.abandon()
            raise

    def add(self, entry: Entry) -> None:
        """Write one entry; one whose key has been added already is left out.

        Raises:
            OSError: it could not be written.
        """
        sha256 = hashlib.sha256(entry.payload).digest()
        row = (entry.key, entry.level, entry.seed, sha256, entry.payload)
        with self._disk_errors():
            self._connection.execute("INSERT OR IGNORE INTO levels VALUES (?, ?, ?, ?, ?)", row)
        self.size_bytes += len(entry.payload)
        self.keys.append(entry.key)

    def finish(self) -> None:
        """Put the pack in its place; when this returns it is on the disk.

        Raises:
            OSError: it is not.
        """
        with self._disk_errors():
            self._connection.execute(_INDEX)
            self._connection.execute("COMMIT")
            self._connection.close()
        give_name(self._temporary, os.path.join(self._folder, unique_name() + SUFFIX))

    def abandon(self) -> None:
        """Leave nothing behind of a pack that is not finished."""
        self._connection.close()
        remove(self._temporary)

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise OSError(f"cannot write a pack in {self._folder}: {error}") from None
