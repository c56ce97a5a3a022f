"""Taking over another cache. Knows where things lie."""

from __future__ import annotations

import pytest

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.entries import encode
from sample_factory.envs.dmlab.level_cache.importing import import_levels
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, entry_of, key_of, payload_of, pk3
from sample_factory.envs.dmlab.level_cache.tests.stores import disk_ends_at, files_below, holds, loose_path, write


@pytest.fixture
def origin(tmp_path):
    """Packed, loose, and left by Sample Factory 1."""
    origin = LevelStore(tmp_path / "origin")
    write(origin, *range(10))
    compact(origin)
    write(origin, *range(10, 20))
    for number in range(20, 30):
        (origin.path / key_of(number)).write_bytes(payload_of(number))
    path = origin.path / f"_{LEVELS[0]}.dm_lvl_seeds"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"20 {key_of(20)}\n22 {key_of(22)}\n2222 {key_of(22)}\n50 {key_of(50)}\n")
    return origin


def contents(folder):
    return {path: path.read_bytes() for path in files_below(folder)}


def test_everything_is_taken_over_and_nothing_is_changed(store, origin):
    before = contents(origin.path)
    assert import_levels(store, origin) == (30, 0, 0, 0)
    assert holds(store, *range(30))
    assert store.seeds(LEVELS[0]) == [*range(0, 20, 2), 20, 22, 2222]  # 50 is in a list but not stored
    assert contents(origin.path) == before


def test_what_is_there_is_not_taken_again(store, origin):
    write(store, 5, 100)
    assert import_levels(store, origin) == (29, 1, 0, 0)
    before = contents(store.path)
    assert import_levels(store, origin) == (0, 30, 0, 0)
    assert contents(store.path) == before
    assert holds(store, *range(30), 100)


def test_the_limit_of_a_cache_holds_for_what_is_imported(store, origin):
    write(store, 100)
    limit = store.loose.size_bytes() + 12 * (len(payload_of(0)) + 600)
    limited = LevelStore(store.path, limit / 10**9)
    added, present, damaged, refused = import_levels(limited, origin)
    assert 0 < added < 30 and present == damaged == 0 and added + refused == 30
    assert limited.packs.size_bytes + limited.loose.size_bytes() <= limit + 20_000  # an empty pack has a few pages
    assert import_levels(limited, origin) == (0, added, 0, refused)
    assert sum(limited.read(key_of(number)) is not None for number in range(30)) == added
    assert import_levels(LevelStore(store.path), origin) == (refused, added, 0, 0)
    assert holds(store, *range(30), 100)


def test_damaged_levels_are_left_out(store, origin):
    loose_path(origin, 12).write_bytes(b"torn")
    (origin.path / key_of(25)).write_bytes(b"torn")
    before = contents(origin.path)
    assert import_levels(store, origin) == (28, 0, 2, 0)
    assert store.read(key_of(12)) is None and store.read(key_of(25)) is None
    assert contents(origin.path) == before


def test_levels_whose_checksum_is_right_but_whose_map_is_missing_are_left_out(store, origin):
    bad = entry_of(12)._replace(payload=pk3("other_noaas_0"))
    loose_path(origin, 12).write_bytes(encode(bad))
    assert import_levels(store, origin) == (29, 0, 1, 0)
    assert store.read(key_of(12)) is None


def test_a_cache_is_not_imported_into_itself(origin, tmp_path):
    (tmp_path / "link").symlink_to(origin.path)
    with pytest.raises(ValueError, match="into itself"):
        import_levels(LevelStore(tmp_path / "link"), origin)


def test_a_full_disk_leaves_no_part(store, origin):
    with disk_ends_at(20_000), pytest.raises(OSError):
        import_levels(store, origin)
    assert not files_below(store.path)
    assert import_levels(store, origin).added == 30
