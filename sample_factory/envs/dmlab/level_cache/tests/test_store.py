"""The store as its users see it. Knows little of what lies where."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

import pytest

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.entries import shard
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, key_of, payload_of, pk3
from sample_factory.envs.dmlab.level_cache.tests.stores import (
    disk_ends_at,
    files_below,
    loose_path,
    quarantined,
    write,
)


def test_a_level_is_read_as_it_was_written(store):
    write(store, 1, 2)
    assert store.read(key_of(1)) == payload_of(1)
    assert LevelStore(store.path).read(key_of(2)) == payload_of(2)
    assert store.read(key_of(3)) is None


def test_nothing_is_made_before_the_first_level(store):
    assert store.read(key_of(0)) is None
    assert store.seeds(LEVELS[0]) == []
    store.close()
    assert not store.path.exists()


def test_home_is_found(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert LevelStore(Path("~/cache")).path == tmp_path / "cache"


def test_a_level_that_is_there_is_not_written_again(store):
    write(store, 1)
    before = loose_path(store, 1).stat()
    assert store.write(key_of(1), pk3(key_of(1), 77), LEVELS[1], 99)
    assert loose_path(store, 1).stat() == before
    assert store.read(key_of(1)) == payload_of(1)


def test_a_packed_level_is_not_written_again(store):
    write(store, 1)
    compact(store)
    write(store, 1)
    assert not loose_path(store, 1).exists()


@pytest.mark.parametrize("key", ["../x_noaas_0", "a/b_noaas_0", "", ".x_noaas_0", "x" * 201, "x\0_noaas_0"])
def test_keys_that_are_paths_are_refused(store, key, caplog):
    assert not store.write(key, pk3("x_noaas_0"), "level", 1)
    assert store.read(key) is None
    assert not store.path.exists() and not (store.path.parent / "x_noaas_0").exists()
    assert "not the key of a level" in caplog.text


@pytest.mark.parametrize("payload", [b"", b"no zip", pk3("other_noaas_0"), payload_of(1)[:-10]])
def test_what_is_no_level_is_refused_and_said_once(store, payload, caplog):
    for _ in range(3):
        assert not store.write(key_of(1), payload, LEVELS[1], 1)
    assert not store.path.exists()
    assert len(caplog.records) == 1 and key_of(1) in caplog.text


@pytest.mark.parametrize("level", ["a\0b", "\ud800", "x" * 600])
def test_levels_that_cannot_be_written_down_are_refused(store, level):
    assert not store.write(key_of(1), payload_of(1), level, 1)
    assert store.seeds(level) == []


@pytest.mark.parametrize("level", ["../../outside", "/absolute/path.lua", "..", "a//b", ".hidden", "ü und ö", "a%b"])
def test_any_other_name_of_a_level_stays_in_its_folder(store, level):
    assert store.write(key_of(1), payload_of(1), level, 7)
    assert store.seeds(level) == [7]
    assert all(store.path in path.parents for path in files_below(store.path.parent))
    compact(store)
    assert store.seeds(level) == [7]


def damaged_contents(contents: bytes) -> list[bytes]:
    return [b"", contents[:10], contents[:-1], contents + b"x", contents[:-5] + b"xxxxx", b"\n" + contents]


@pytest.mark.parametrize("which", range(6))
def test_a_damaged_level_goes_to_quarantine_and_can_be_written_again(store, which, caplog):
    write(store, 1)
    path = loose_path(store, 1)
    path.write_bytes(damaged_contents(path.read_bytes())[which])
    assert store.read(key_of(1)) is None
    assert store.read(key_of(1)) is None
    assert quarantined(store) == [key_of(1)] and not path.exists()
    assert len(caplog.records) == 1
    write(store, 1)
    assert store.read(key_of(1)) == payload_of(1)


def test_a_damaged_loose_level_does_not_hide_the_packed_one(store):
    write(store, 1)
    contents = loose_path(store, 1).read_bytes()
    compact(store)
    loose_path(store, 1).write_bytes(contents[:100])
    assert store.read(key_of(1)) == payload_of(1)


def test_a_level_that_replaced_a_damaged_one_meanwhile_stays(store, monkeypatch):
    write(store, 1)
    path = loose_path(store, 1)
    sound = path.read_bytes()
    path.write_bytes(sound[:50])
    replace = os.replace

    def another_writer_is_faster(source, target):
        if "quarantine" in str(target):
            path.write_bytes(sound)
        replace(source, target)

    monkeypatch.setattr(os, "replace", another_writer_is_faster)
    assert store.read(key_of(1)) is None
    monkeypatch.undo()
    assert path.read_bytes() == sound
    assert store.read(key_of(1)) == payload_of(1)


def test_things_that_are_no_files_are_no_levels(store):
    write(store, 1)
    path = loose_path(store, 1)
    path.unlink()
    path.mkdir()
    assert store.read(key_of(1)) is None
    assert not store.write(key_of(1), payload_of(1), LEVELS[1], 1)
    path.rmdir()
    os.mkfifo(path)
    assert store.read(key_of(1)) is None
    (store.path / key_of(2)).mkdir()
    assert store.read(key_of(2)) is None


def test_a_file_that_grew_huge_is_damaged_without_reading_it_all(store, monkeypatch):
    write(store, 1)
    monkeypatch.setattr("sample_factory.envs.dmlab.level_cache.loose.MAX_FILE_BYTES", 100_000)
    with loose_path(store, 1).open("r+b") as file:
        file.truncate(10**12)
    assert store.read(key_of(1)) is None
    assert quarantined(store) == [key_of(1)]


@pytest.mark.parametrize("size", [0, 100, 3000])
def test_a_full_disk_is_said_once_and_leaves_nothing_half_written(store, size, caplog):
    write(store, 1)
    before = files_below(store.path)
    with disk_ends_at(size):
        assert not store.write(key_of(200), payload_of(200), LEVELS[0], 200)
        assert not store.write(key_of(202), payload_of(202), LEVELS[0], 202)
    assert files_below(store.path) == before
    assert len(caplog.records) == 1 and "cannot store levels" in caplog.text
    write(store, 200)
    assert store.read(key_of(1)) == payload_of(1) and store.read(key_of(200)) == payload_of(200)


def test_a_disk_that_is_full_when_the_file_is_flushed_leaves_nothing(store, monkeypatch):
    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    write(store, 1)
    before = files_below(store.path)
    monkeypatch.setattr(os, "fsync", full)
    assert not store.write(key_of(2), payload_of(2), LEVELS[0], 2)
    assert files_below(store.path) == before


def test_a_place_that_cannot_be_written_is_said_once(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    store = LevelStore(tmp_path / "file" / "cache")
    for number in (1, 2):
        assert store.read(key_of(number)) is None
        assert not store.write(key_of(number), payload_of(number), LEVELS[1], 1)
    assert store.seeds(LEVELS[1]) == []
    assert len(caplog.records) == 1


def test_a_place_that_cannot_be_read_is_said_once(store, monkeypatch, caplog):
    write(store, 1)

    def refused(path, *_):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "open", refused)
    assert store.read(key_of(1)) is None and store.read(key_of(2)) is None
    assert store.seeds(LEVELS[0]) == []
    assert caplog.text.count("cannot read level") <= 2
    monkeypatch.undo()
    assert store.read(key_of(1)) == payload_of(1)  # what could not be read is not damaged


def test_a_file_is_on_the_disk_before_it_has_its_name(store, monkeypatch):
    steps = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (steps.append(_path_of(descriptor)), fsync(descriptor)))
    monkeypatch.setattr(os, "replace", lambda source, target: (steps.append("replace"), replace(source, target)))
    write(store, 1)
    assert "replace" in steps
    last = steps.index("replace")
    assert steps[last - 1].endswith(".tmp") and steps[last + 1] == str(loose_path(store, 1).parent)


def _path_of(descriptor: int) -> str:
    return os.readlink(f"/proc/self/fd/{descriptor}")


def test_a_full_cache_keeps_what_it_has_and_takes_nothing_more(tmp_path, caplog):
    numbers = range(0, 400, 2)
    store = LevelStore(tmp_path, max_gb=256 * 6000 / 1e9)
    stored = {n for n in numbers if store.write(key_of(n), pk3(key_of(n), 1500), LEVELS[0], n)}
    refused = set(numbers) - stored
    assert stored and refused
    assert len(caplog.records) == 1 and "limit" in caplog.text
    assert all(store.read(key_of(n)) for n in stored) and not any(store.read(key_of(n)) for n in refused)
    sizes = [sum(file.stat().st_size for file in shard.iterdir()) for shard in (tmp_path / "objects").iterdir()]
    assert max(sizes) <= 6500
    assert store.write(key_of(min(stored)), payload_of(min(stored)), LEVELS[0], 0)  # it is there


def test_packs_count_towards_the_limit(tmp_path):
    unlimited = LevelStore(tmp_path)
    write(unlimited, *range(50))
    compact(unlimited)
    size = sum(path.stat().st_size for path in (tmp_path / "packs").iterdir())
    assert not LevelStore(tmp_path, max_gb=(size + 1000) / 1e9).write(key_of(60), payload_of(60), LEVELS[0], 60)
    assert LevelStore(tmp_path, max_gb=(size + 256 * 20000) / 1e9).write(key_of(60), payload_of(60), LEVELS[0], 60)


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_a_limit_must_be_one(tmp_path, limit):
    with pytest.raises(ValueError, match="limit"):
        LevelStore(tmp_path, max_gb=limit)


def test_writing_looks_at_one_shard_only(tmp_path, monkeypatch):
    store = LevelStore(tmp_path, max_gb=1.0)
    write(store, *range(20))
    scanned = []
    scandir, listdir = os.scandir, os.listdir
    monkeypatch.setattr(os, "scandir", lambda path: (scanned.append(str(path)), scandir(path))[1])
    monkeypatch.setattr(os, "listdir", lambda path: (scanned.append(str(path)), listdir(path))[1])
    write(store, 21)
    assert [Path(path).name for path in scanned if "objects" in path] == [shard(key_of(21))]


def test_seeds_are_in_order_and_each_once(store):
    for number in (9, 3, 5, 3):
        store.write(key_of(number), payload_of(number), "some/level", number)
    another = LevelStore(store.path)
    another.write(key_of(7), payload_of(7), "some/level", 7)
    another.write(key_of(9), payload_of(9), "some/level", 9)
    assert store.seeds("some/level") == [3, 5, 7, 9]
    assert store.seeds("some") == []


def test_a_level_that_nobody_knows_is_in_no_list(store):
    assert store.write(key_of(1), payload_of(1), "", 5)
    assert store.seeds("") == []
    assert store.read(key_of(1)) == payload_of(1)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # the child does nothing that needs other threads
def test_after_a_fork_packs_are_opened_anew(store):
    write(store, *range(6))
    compact(store)
    assert store.read(key_of(0)) == payload_of(0)
    child = os.fork()
    if child == 0:
        descriptors = len(os.listdir("/proc/self/fd"))
        right = all(store.read(key_of(n)) == payload_of(n) for n in range(6))
        opened = len(os.listdir("/proc/self/fd")) - descriptors
        wrote = store.write(key_of(7), payload_of(7), LEVELS[1], 7)
        os._exit(0 if right and opened == 1 and wrote else 1)
    assert os.waitpid(child, 0)[1] == 0
    write(store, 9)
    assert all(store.read(key_of(n)) == payload_of(n) for n in (*range(6), 7, 9))
    assert len(list((store.path / "seeds" / LEVELS[1]).iterdir())) == 2  # one file for each writer


def test_a_store_can_be_used_again_after_close(store):
    write(store, 1)
    compact(store)
    assert store.read(key_of(1))
    descriptors = len(os.listdir("/proc/self/fd"))
    store.close()
    assert len(os.listdir("/proc/self/fd")) == descriptors - 1
    assert store.read(key_of(1)) == payload_of(1)


def test_nothing_is_said_when_all_is_well(store, caplog):
    caplog.set_level(logging.INFO)
    write(store, *range(10))
    compact(store)
    assert store.read(key_of(3)) and store.seeds(LEVELS[0]) == [0, 2, 4, 6, 8]
    assert not caplog.records
