"""Packs that are damaged, gone, or no packs at all. Knows the file format as far as it takes to break it."""

from __future__ import annotations

import os
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.entries import Entry
from sample_factory.envs.dmlab.level_cache.pack import Pack, PackWriter
from sample_factory.envs.dmlab.level_cache.packs import write_packs
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, entry_of, key_of, payload_of
from sample_factory.envs.dmlab.level_cache.tests.stores import (
    disk_ends_at,
    files_below,
    holds,
    packs,
    quarantined,
    write,
)

NUMBERS = range(40)


@pytest.fixture
def packed(store):
    write(store, *NUMBERS)
    compact(store)
    return store


def damage(store: LevelStore, number: int) -> None:
    """Change one byte in the middle of a payload."""
    (path,) = packs(store)
    contents = bytearray(path.read_bytes())
    payload = payload_of(number)
    # Some bytes of the map: where a page ends is somewhere else for each level.
    contents[contents.index(payload[200:230]) + 10] ^= 1
    path.write_bytes(contents)


def test_a_pack_has_what_was_put_in(packed):
    assert len(packs(packed)) == 1
    assert not files_below(packed.path / "objects")
    assert holds(packed, *NUMBERS) and holds(LevelStore(packed.path), *NUMBERS)
    assert packed.read(key_of(999)) is None
    assert packed.seeds(LEVELS[0]) == list(range(0, 40, 2))


def test_packs_are_never_written_to(packed):
    (path,) = packs(packed)
    path.chmod(0o444)
    before = path.stat()
    assert holds(packed, *NUMBERS) and packed.seeds(LEVELS[0])
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert packs(packed) == [path]  # no journal beside it either


def test_a_damaged_level_of_a_pack_is_passed_over_and_noted_once(packed, caplog):
    damage(packed, 4)
    (path,) = packs(packed)
    for store in (packed, packed, LevelStore(packed.path)):
        store.close()
        assert store.read(key_of(4)) is None
        assert holds(store, *(number for number in NUMBERS if number != 4))
    assert quarantined(packed) == [f"{key_of(4)}@{path.name}"]
    assert len(caplog.records) == 1
    write(packed, 4)
    assert holds(packed, *NUMBERS)


def test_a_level_that_is_damaged_in_one_pack_is_read_from_another(packed):
    list(write_packs(str(packed.path / "packs"), [entry_of(4)]))
    large = max(packs(packed), key=lambda path: path.stat().st_size)
    contents = bytearray(large.read_bytes())
    contents[contents.index(payload_of(4)[200:230]) + 10] ^= 1
    large.write_bytes(contents)
    assert holds(packed, 4)


@pytest.mark.parametrize("contents", [b"", b"no pack", b"SQLite format 3\0" + bytes(2000)])
def test_files_that_are_no_packs_are_passed_over(packed, contents, caplog):
    (packed.path / "packs" / "zzz.sqlite").write_bytes(contents)
    assert holds(packed, *NUMBERS)
    assert packed.read(key_of(100)) is None and packed.read(key_of(101)) is None
    assert packed.seeds(LEVELS[0])
    assert len(caplog.records) <= 2
    compact(packed)
    assert holds(packed, *NUMBERS)


def test_a_view_that_computes_for_ever_is_not_looked_into(packed):
    connection = sqlite3.connect(packed.path / "packs" / "hostile.sqlite")
    connection.execute(
        "CREATE VIEW levels AS WITH RECURSIVE n(key) AS (SELECT '' UNION ALL SELECT key || 'x' FROM n) "
        "SELECT key, '' AS level, 0 AS seed, x'00' AS sha256, x'00' AS payload FROM n"
    )
    connection.close()
    assert packed.read(key_of(100)) is None
    assert packed.seeds(LEVELS[0]) == list(range(0, 40, 2))


def test_values_of_other_types_are_damage(packed):
    path = packed.path / "packs" / "hostile.sqlite"
    (pack,) = packs(packed)
    path.write_bytes(pack.read_bytes())
    pack.unlink()
    connection = sqlite3.connect(path, isolation_level=None)
    for column in ("level", "seed", "sha256", "payload"):
        for value in ("'text'", "x'ff'", "1.5", "CAST(x'ff' AS TEXT)"):
            connection.execute(f"UPDATE levels SET {column} = {value} WHERE key = ?", (key_of(4),))
            packed.close()
            assert packed.read(key_of(4)) in (None, payload_of(4))
            assert set(packed.seeds(LEVELS[0])) >= {0, 2, 6}
    connection.execute("UPDATE levels SET key = x'ff' WHERE key = ?", (key_of(6),))
    connection.close()
    assert packed.read(key_of(6)) is None
    write(packed, *range(100, 150))
    compact(packed)
    write(packed, 4, 6)
    assert holds(packed, *NUMBERS)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_damaged_only_right_levels_are_handed_over(tmp_path_factory, data):
    store = LevelStore(tmp_path_factory.mktemp("damage"))
    write(store, *range(12))
    compact(store)
    (path,) = packs(store)
    contents = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        position = data.draw(st.integers(0, len(contents) - 1))
        length = data.draw(st.integers(1, 200))
        contents[position : position + length] = data.draw(st.binary(min_size=length, max_size=length))
    path.write_bytes(contents[: data.draw(st.integers(0, len(contents)))] if data.draw(st.booleans()) else contents)
    for number in range(12):
        assert store.read(key_of(number)) in (None, payload_of(number))
    store.seeds(LEVELS[0])
    compact(store)
    for number in range(12):
        assert store.read(key_of(number)) in (None, payload_of(number))
    store.close()


def test_of_a_torn_pack_what_is_there_can_be_read(packed):
    (path,) = packs(packed)
    os.truncate(path, path.stat().st_size // 2 // 1024 * 1024)
    found = [number for number in NUMBERS if packed.read(key_of(number)) is not None]
    assert holds(packed, *found)


def test_packs_that_appear_are_found(packed):
    another = LevelStore(packed.path)
    assert another.read(key_of(100)) is None
    write(packed, 100)
    compact(packed)
    assert holds(another, 100)


def test_packs_that_disappear_after_they_were_listed_are_looked_for_elsewhere(packed):
    another = LevelStore(packed.path)
    another.packs.refresh()
    write(packed, *range(100, 200))  # so many that the packs are merged
    (before,) = packs(packed)
    compact(packed)
    assert not before.exists()
    another.packs._changed_ns = os.stat(packed.path / "packs").st_mtime_ns  # as if in the same tick of the clock
    assert holds(another, *NUMBERS, *range(100, 200))


def test_a_pack_that_was_deleted_can_still_be_read_by_whoever_has_it_open(packed):
    (path,) = packs(packed)
    pack = Pack(str(path))
    assert pack.read(key_of(1)) == payload_of(1)
    path.unlink()
    assert pack.read(key_of(2)) == payload_of(2)
    pack.close()


@pytest.mark.parametrize("size", [0, 5000, 60_000])
def test_a_full_disk_leaves_no_part_of_a_pack(store, size):
    write(store, *NUMBERS)
    before = files_below(store.path)
    with disk_ends_at(size), pytest.raises(OSError, match="pack"):
        compact(store)
    assert files_below(store.path) == before
    assert holds(store, *NUMBERS)


def test_a_pack_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace

    def noted_fsync(descriptor):
        steps.append(os.readlink(f"/proc/self/fd/{descriptor}"))
        fsync(descriptor)

    def noted_replace(source, target):
        steps.append("replace")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    writer = PackWriter(str(tmp_path / "packs"))
    writer.add(entry_of(1))
    writer.finish()
    assert steps[-3].endswith(".tmp") and steps[-2:] == ["replace", str(tmp_path / "packs")]


def test_large_stores_are_cut_into_several_packs(store, monkeypatch):
    monkeypatch.setattr("sample_factory.envs.dmlab.level_cache.packs.FULL_BYTES", 30_000)
    write(store, *NUMBERS)
    compact(store)
    assert len(packs(store)) >= 3
    assert holds(store, *NUMBERS)


def test_realistic_levels_take_hardly_more_than_their_bytes(tmp_path):
    payloads = [bytes([number % 256]) * (25_000 + 997 * number % 5000) for number in range(300)]
    entries = sorted(Entry(key_of(n), LEVELS[0], 2**30 + n, payload) for n, payload in enumerate(payloads))
    list(write_packs(str(tmp_path), entries))
    (pack,) = tmp_path.iterdir()
    assert pack.stat().st_size <= 1.05 * sum(map(len, payloads))
