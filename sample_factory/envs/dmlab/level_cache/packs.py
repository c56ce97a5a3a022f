"""The packed tier: all packs in `packs`. Knows no loose entry, and nothing of what to do with damage.

Packs are only ever added and, once all that is in them is in another one, deleted; so whoever finds nothing lists the
folder again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from sample_factory.envs.dmlab.level_cache.entries import Entry
from sample_factory.envs.dmlab.level_cache.files import names_in
from sample_factory.envs.dmlab.level_cache.pack import FULL_BYTES, SUFFIX, Pack, PackWriter


class Packs:
    """The packs as they were when the folder was last listed."""

    def __init__(self, root: str) -> None:
        self.folder = os.path.join(root, "packs")
        self.size_bytes = 0
        """Of all packs together, when the folder was last listed."""
        self._packs: list[Pack] = []  # the largest first: an entry is most likely there
        self._changed_ns = -1

    def __iter__(self) -> Iterator[Pack]:
        return iter(self._packs)

    # hot path
    def refresh_if_changed(self) -> None:
        """List the folder again if that is known to be needed; a change in the same tick of the clock goes unseen.

        Raises:
            OSError: the folder cannot be read.
        """
        if _changed_ns(self.folder) != self._changed_ns:
            self.refresh()

    def refresh(self) -> bool:
        """List the folder again; says whether there are other packs now.

        Raises:
            OSError: it cannot be read.
        """
        self._changed_ns = _changed_ns(self.folder)  # before, so that what changes meanwhile is seen the next time
        names = [name for name in names_in(self.folder) if name.endswith(SUFFIX)]
        sizes = {name: size for name in names if (size := self._size(name)) is not None}
        before = {pack.name: pack for pack in self._packs}
        for gone in before.keys() - sizes.keys():
            before[gone].close()
        largest_first = sorted(sizes, key=lambda name: (-sizes[name], name))
        self._packs = [before.get(name) or Pack(os.path.join(self.folder, name)) for name in largest_first]
        self.size_bytes = sum(sizes.values())
        return before.keys() != sizes.keys()

    def close(self) -> None:
        """Give all files back."""
        for pack in self._packs:
            pack.close()

    def _size(self, name: str) -> int | None:
        try:
            return os.stat(os.path.join(self.folder, name)).st_size
        except FileNotFoundError:
            return None  # merged meanwhile


def write_packs(folder: str, entries: Iterable[Entry]) -> Iterator[list[str]]:
    """Write entries, which come in the order of their keys, into new packs; after each one says which keys it has.

    Raises:
        OSError: the last pack could not be written; those before it are in place.
    """
    writer: PackWriter | None = None
    try:
        for entry in entries:
            writer = writer or PackWriter(folder)
            writer.add(entry)
            if writer.size_bytes >= FULL_BYTES:
                writer.finish()
                finished, writer = writer, None
                yield finished.keys
        if writer is not None:
            writer.finish()
            finished, writer = writer, None
            yield finished.keys
    finally:
        if writer is not None:
            writer.abandon()


def _changed_ns(folder: str) -> int:
    try:
        return os.stat(folder).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return -1
