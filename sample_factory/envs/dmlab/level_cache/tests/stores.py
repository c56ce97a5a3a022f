"""What tests do to stores, and what they look at. Knows where things lie."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sample_factory.envs.dmlab.level_cache.entries import shard
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import entry_of, key_of, payload_of


def write(store: LevelStore, *numbers: int) -> None:
    """Store levels by their numbers."""
    for entry in map(entry_of, numbers):
        assert store.write(entry.key, entry.payload, entry.level, entry.seed)


def holds(store: LevelStore, *numbers: int) -> bool:
    """Whether all of these are read as they were written."""
    return all(store.read(key_of(number)) == payload_of(number) for number in numbers)


def files_below(folder: Path) -> list[Path]:
    """All files, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def loose_path(store: LevelStore, number: int) -> Path:
    """Where a level is before compaction."""
    return store.path / "objects" / shard(key_of(number)) / key_of(number)


def packs(store: LevelStore) -> list[Path]:
    """Files of all packs."""
    return files_below(store.path / "packs")


def quarantined(store: LevelStore) -> list[str]:
    """Names of what is in quarantine."""
    return [path.name for path in files_below(store.path / "quarantine")]


@contextmanager
def disk_ends_at(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond this: writing goes as far as it can, then fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
