"""The loose tier: one file per entry, `objects/<shard>/<key>`. Knows nothing of packs.

Whoever finishes a level writes it here; compaction takes it from here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from sample_factory.envs.dmlab.level_cache.entries import (
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    DamagedError,
    Entry,
    decode,
    decode_level,
    encode,
    fault,
    is_key,
    shard,
)
from sample_factory.envs.dmlab.level_cache.files import is_temporary, names_in, read_file, write_file

SHARDS = 256
MAX_FILE_BYTES = HEADER_BYTES + MAX_PAYLOAD_BYTES + 1
"""Never more is read: one byte more than there can be, so that a file that is too large has the wrong size."""


class LooseEntries:
    """The files below `objects`. Any number of processes read and write."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "objects")

    def path(self, key: str) -> str:
        """Where the entry is, if it is here."""
        return f"{self._folder}/{shard(key)}/{key}"

    # hot path
    def read(self, key: str) -> Entry | None:
        """The entry, None if it is not here.

        Raises:
            DamagedError: the file is not as it was written.
            OSError: it cannot be read.
        """
        contents = read_file(self.path(key), MAX_FILE_BYTES)
        return None if contents is None else decode(key, contents)

    def write(self, entry: Entry) -> None:
        """Put an entry here, all of it or nothing.

        Raises:
            OSError: it could not be written.
        """
        write_file(self.path(entry.key), encode(entry))

    def keys(self) -> list[str]:
        """Of all entries, in order."""
        return sorted(
            name
            for folder in names_in(self._folder)
            for name in names_in(os.path.join(self._folder, folder))
            if is_key(name) and shard(name) == folder
        )

    def level(self, key: str) -> str | None:
        """Level of an entry without reading all of it; None if it is not here.

        Raises:
            DamagedError, OSError: as `read`.
        """
        beginning = read_file(self.path(key), HEADER_BYTES)
        return None if beginning is None else decode_level(key, beginning)

    def size_bytes(self) -> int:
        """Of all entries, with their headers. Looks at every file."""
        return sum(self._folder_bytes(folder) for folder in names_in(self._folder))

    def shard_bytes(self, key: str) -> int:
        """Of the entries in the folder of a key."""
        return self._folder_bytes(shard(key))

    def _folder_bytes(self, folder: str) -> int:
        return sum(_sizes(os.path.join(self._folder, folder)))


def read_entry(path: str, key: str) -> Entry | None:
    """The entry in a file anywhere, of which not only the checksum is looked at; None if there is none.

    Raises:
        DamagedError: it is not as it was written, or should never have been written.
        OSError: it cannot be read.
    """
    contents = read_file(path, MAX_FILE_BYTES)
    if contents is None:
        return None
    entry = decode(key, contents)
    if why := fault(entry):
        raise DamagedError(why)
    return entry


def _sizes(folder: str) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as files:
        for file in files:
            with contextlib.suppress(FileNotFoundError):  # compaction has moved it
                if not is_temporary(file.name):
                    yield file.stat(follow_symlinks=False).st_size
