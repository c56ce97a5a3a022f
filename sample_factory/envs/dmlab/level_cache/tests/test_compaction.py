"""Compaction: what is there stays there. Knows where things lie."""

from __future__ import annotations

import os
import time

import pytest

from sample_factory.envs.dmlab.level_cache import compaction
from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.entries import shard
from sample_factory.envs.dmlab.level_cache.packs import write_packs
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, entry_of, key_of
from sample_factory.envs.dmlab.level_cache.tests.stores import files_below, holds, loose_path, packs, quarantined, write


def num_rows(store: LevelStore) -> int:
    store.packs.refresh()
    return sum(count for pack in store.packs for _, count, _ in pack.summary())


def test_an_empty_store_stays_empty(store):
    assert compact(store) == (0, 0, 0, 0)
    assert not store.path.exists()


def test_compacting_again_changes_nothing(store):
    write(store, *range(10))
    assert compact(store).loose == 10
    before = files_below(store.path)
    assert compact(store) == (0, 0, 0, 0)
    assert files_below(store.path) == before


def test_there_are_few_packs_however_often_one_compacts(store):
    for begin in range(0, 300, 10):
        write(store, *range(begin, begin + 10))
        compact(store)
    assert len(packs(store)) <= 6
    assert holds(store, *range(300)) and num_rows(store) == 300


def test_large_packs_are_not_written_again_for_a_few_levels(store):
    write(store, *range(100))
    compact(store)
    (large,) = packs(store)
    write(store, *range(100, 110))
    compact(store)
    assert large in packs(store) and len(packs(store)) == 2
    assert holds(store, *range(110))


def test_full_packs_are_not_merged(store, monkeypatch):
    monkeypatch.setattr(compaction, "FULL_BYTES", 1000)
    write(store, *range(10))
    compact(store)
    before = packs(store)
    write(store, *range(10, 30))
    compact(store)
    assert set(before) < set(packs(store))


def test_doubles_are_removed(store):
    folder = str(store.path / "packs")
    entries = sorted(map(entry_of, range(60)))
    list(write_packs(folder, entries))
    list(write_packs(folder, entries[:50]))
    write(store, 100)
    compact(store)
    assert num_rows(store) == 61
    assert holds(store, *range(60), 100)


def test_a_few_doubles_are_not_worth_a_new_pack(store):
    folder = str(store.path / "packs")
    list(write_packs(folder, sorted(map(entry_of, range(100)))))
    list(write_packs(folder, [entry_of(1)]))
    before = packs(store)
    compact(store)
    assert packs(store) == before


def test_a_damaged_loose_level_goes_to_quarantine(store):
    write(store, *range(10))
    loose_path(store, 3).write_bytes(b"torn")
    assert compact(store).damaged == 1
    assert quarantined(store) == [key_of(3)]
    assert holds(store, *(number for number in range(10) if number != 3))


def test_a_pack_with_damage_is_kept_in_quarantine_when_it_is_merged(store):
    write(store, *range(10))
    compact(store)
    (pack,) = packs(store)
    contents = bytearray(pack.read_bytes())
    contents[contents.index(entry_of(4).payload[200:230]) + 10] ^= 1
    pack.write_bytes(contents)
    write(store, *range(20, 40))
    assert compact(store).damaged == 1
    assert pack.name in quarantined(store) and len(packs(store)) == 1
    assert holds(store, *range(4), *range(5, 10), *range(20, 40))


def test_left_over_temporary_files_are_deleted_after_a_day_only(store):
    write(store, 1)
    old, new = loose_path(store, 1).parent / ".old.tmp", loose_path(store, 1).parent / ".new.tmp"
    other = store.path / "objects" / "mine.tmp"
    for path in (old, new, other):
        path.write_bytes(b"part")
    for path in (old, other):
        os.utime(path, (time.time() - 90_000,) * 2)
    (store.path / "packs").mkdir()
    pack = store.path / "packs" / ".pack.tmp"
    pack.write_bytes(b"part")
    os.utime(pack, (0, 0))
    assert compact(store).stale == 2
    assert not old.exists() and not pack.exists() and new.exists() and other.exists()


def test_files_of_version_1_and_of_others_are_left_alone(store):
    write(store, 1)
    names = (key_of(2), "notes.txt", "objects/readme", "objects/00/no key", f"objects/00/{key_of(3)}", "packs/readme")
    theirs = [store.path / name for name in names]
    assert shard(key_of(3)) != "00"
    for folder in ("packs", "objects/00"):
        (store.path / folder).mkdir(exist_ok=True)
    for path in theirs:
        path.write_bytes(b"something")
    compact(store)
    assert all(path.read_bytes() == b"something" for path in theirs)
    assert not (store.path / "quarantine").exists()


def test_what_is_replaced_while_it_is_compacted_is_there_afterwards(store, monkeypatch):
    write(store, *range(10))
    read = store.loose.read

    def meanwhile(key):
        entry = read(key)
        LevelStore(store.path).loose.write(entry)
        return entry

    monkeypatch.setattr(store.loose, "read", meanwhile)
    compact(store)
    assert holds(LevelStore(store.path), *range(10))


@pytest.mark.parametrize("moment", range(1, 12))
def test_another_compaction_at_any_moment_loses_nothing(store, monkeypatch, moment):
    write(store, *range(20))
    compact(store)
    write(store, *range(20, 50))
    steps = 0
    unlink = os.unlink

    def step(path):
        nonlocal steps
        steps += 1
        if steps == moment:
            monkeypatch.setattr(os, "unlink", unlink)
            compact(LevelStore(store.path))
        unlink(path)

    monkeypatch.setattr(os, "unlink", step)
    compact(store)
    assert holds(LevelStore(store.path), *range(50))
    compact(store)
    assert holds(LevelStore(store.path), *range(50)) and num_rows(store) == 50


def test_another_compaction_while_packs_are_read_loses_nothing(store, monkeypatch):
    write(store, *range(20))
    compact(store)
    write(store, *range(20, 60))
    gather = compaction._Gathering._keys

    def meanwhile(self, pack):
        monkeypatch.setattr(compaction._Gathering, "_keys", gather)
        compact(LevelStore(store.path))
        return gather(self, pack)

    monkeypatch.setattr(compaction._Gathering, "_keys", meanwhile)
    compact(store)
    assert holds(LevelStore(store.path), *range(60))


def test_levels_that_cannot_be_read_now_stay_where_they_are(store, monkeypatch):
    write(store, *range(5))
    read = store.loose.read

    def sometimes(key):
        if key == key_of(2):
            raise OSError(5, "Input/output error")
        return read(key)

    monkeypatch.setattr(store.loose, "read", sometimes)
    compact(store)
    assert loose_path(store, 2).exists()
    assert holds(LevelStore(store.path), *range(5))


def test_packs_that_cannot_be_read_now_stay_where_they_are(store, monkeypatch):
    write(store, *range(5))
    compact(store)
    (before,) = packs(store)
    write(store, *range(10, 30))
    entry = compaction.Pack.entry

    def sometimes(self, key):
        if key == key_of(2):
            raise OSError("cannot read pack")
        return entry(self, key)

    monkeypatch.setattr(compaction.Pack, "entry", sometimes)
    compact(store)
    assert before.exists()
    assert holds(LevelStore(store.path), *range(5), *range(10, 30))


def test_seeds_of_packed_levels_need_no_lists(store):
    write(store, *range(10))
    another = LevelStore(store.path)
    write(another, *range(10, 20))
    store.write(key_of(0), entry_of(0).payload, LEVELS[0], 777)  # the same level from another seed
    seeds = store.seeds(LEVELS[0])
    compact(store)
    assert store.seeds(LEVELS[0]) == seeds == [*range(0, 20, 2), 777]
    (left,) = files_below(store.path / "seeds")
    assert left.read_text() == f"777 {key_of(0)}\n"
    write(another, 22)  # a writer whose file is gone begins another one
    assert store.seeds(LEVELS[0])[-2:] == [22, 777]
    compact(store)
    compact(store)
    assert store.seeds(LEVELS[0])[-2:] == [22, 777]
    assert len(files_below(store.path / "seeds")) == 1
