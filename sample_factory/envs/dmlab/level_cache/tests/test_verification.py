"""Looking at everything. Knows where things lie."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import struct

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.entries import encode
from sample_factory.envs.dmlab.level_cache.pack import PAGE_BYTES
from sample_factory.envs.dmlab.level_cache.packs import write_packs
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import entry_of, key_of, payload_of, pk3
from sample_factory.envs.dmlab.level_cache.tests.stores import holds, loose_path, packs, quarantined, write
from sample_factory.envs.dmlab.level_cache.verification import verify


def test_a_sound_store_is_sound(store):
    write(store, *range(10))
    compact(store)
    write(store, *range(10, 15))
    (store.path / key_of(20)).write_bytes(payload_of(20))
    assert verify(store) == (16, 0, [], 0)


def test_damaged_files_are_found_and_put_away(store):
    write(store, *range(10))
    loose_path(store, 3).write_bytes(loose_path(store, 3).read_bytes()[:-1])
    (store.path / key_of(20)).write_bytes(b"torn")
    assert verify(store) == (9, 2, [], 0)
    assert quarantined(store) == sorted([key_of(3), key_of(20)])
    assert verify(store) == (9, 0, [], 0)


def test_a_level_with_a_right_checksum_but_no_map_is_found(store):
    write(store, 0, 1, 2)
    bad = entry_of(4)._replace(payload=pk3("other_noaas_0"))
    list(write_packs(str(store.path / "packs"), sorted([bad, entry_of(6)])))
    path = loose_path(store, 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encode(bad._replace(key=key_of(8))))
    assert verify(store) == (4, 2, [], 0)
    assert store.read(key_of(4)) is None and store.read(key_of(8)) is None
    assert holds(store, 0, 1, 2, 6)
    assert verify(store) == (4, 0, [], 0)


def test_of_a_damaged_pack_all_that_is_sound_is_saved(store):
    write(store, *range(60))
    compact(store)
    (pack,) = packs(store)
    size = pack.stat().st_size
    with pack.open("r+b") as file:
        file.seek(size // 2)
        file.write(b"\xff" * 3000)
    before = [number for number in range(60) if store.read(key_of(number)) is not None]
    found = verify(store)
    assert found.damaged >= 1 and found.sound >= len(before) > 30
    assert pack.name in quarantined(store) and not pack.exists()
    assert holds(LevelStore(store.path), *before)
    assert verify(store).damaged == 0


def test_without_the_index_of_a_pack_its_levels_are_saved(store):
    write(store, *range(60))
    compact(store)
    (pack,) = packs(store)
    with contextlib.closing(sqlite3.connect(pack)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_levels_1'"
        ((page,),) = connection.execute(query).fetchall()
    with pack.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)
    assert store.read(key_of(1)) is None
    assert verify(store) == (60, 1, [], 0)
    assert holds(LevelStore(store.path), *range(60))


def test_levels_that_the_index_of_a_pack_has_lost_are_saved(store):
    write(store, *range(60))
    compact(store)
    (pack,) = packs(store)
    with contextlib.closing(sqlite3.connect(pack)) as connection:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_levels_1'"
        ((page,),) = connection.execute(query).fetchall()
    with pack.open("r+b") as file:
        file.seek((page - 1) * PAGE_BYTES + 3)
        (num_cells,) = struct.unpack(">H", file.read(2))
        file.seek((page - 1) * PAGE_BYTES + 3)
        file.write(struct.pack(">H", num_cells // 2))  # a page that is sound and has half of what it had
    assert 0 < sum(store.read(key_of(number)) is not None for number in range(60)) < 60
    write(store, *range(100, 200))
    compact(store)
    assert holds(LevelStore(store.path), *range(60), *range(100, 200))


def test_a_file_that_is_no_pack_goes_to_quarantine(store):
    write(store, 1)
    (store.path / "packs").mkdir()
    (store.path / "packs" / "x.sqlite").write_bytes(b"no pack")
    assert verify(store).damaged == 1
    assert quarantined(store) == ["x.sqlite"]
    assert verify(store) == (1, 0, [], 0)


def test_a_torn_pack_is_put_away(store):
    write(store, *range(60))
    compact(store)
    (pack,) = packs(store)
    os.truncate(pack, pack.stat().st_size // 3)
    assert verify(store).damaged >= 1
    assert verify(store).damaged == 0


def test_sound_levels_come_back_from_quarantine(store):
    write(store, 1, 3)
    (store.path / "quarantine").mkdir()
    os.rename(loose_path(store, 1), store.path / "quarantine" / key_of(1))
    (store.path / "quarantine" / key_of(2)).write_bytes(payload_of(2))
    (store.path / "quarantine" / key_of(4)).write_bytes(b"torn")
    assert verify(store) == (3, 0, [], 2)
    assert holds(store, 1, 2, 3)
    assert quarantined(store) == [key_of(4)]
