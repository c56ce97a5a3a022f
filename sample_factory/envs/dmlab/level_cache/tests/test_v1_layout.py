"""Caches that Sample Factory 1 has filled. Knows its layout."""

from __future__ import annotations

import os

import pytest

from sample_factory.envs.dmlab.level_cache.compaction import compact
from sample_factory.envs.dmlab.level_cache.store import LevelStore
from sample_factory.envs.dmlab.level_cache.tests.levels import LEVELS, key_of, payload_of
from sample_factory.envs.dmlab.level_cache.tests.stores import files_below, holds, loose_path, quarantined, write


@pytest.fixture
def old(tmp_path):
    """Ten levels, in the lists of two."""
    folder = tmp_path / "old"
    for number in range(10):
        folder.mkdir(exist_ok=True)
        (folder / key_of(number)).write_bytes(payload_of(number))
        path = folder / f"_{LEVELS[number % 2]}.dm_lvl_seeds"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(f"{number} {key_of(number)}\n")
    return folder


def test_levels_and_seeds_are_read(old):
    store = LevelStore(old)
    before = files_below(old)
    assert holds(store, *range(10))
    assert store.seeds(LEVELS[0]) == [0, 2, 4, 6, 8]
    assert files_below(old) == before


def test_new_levels_come_beside_the_old_ones(old):
    store = LevelStore(old)
    write(store, 3, 20)
    assert not loose_path(store, 3).exists() and loose_path(store, 20).exists()
    compact(store)
    assert holds(store, *range(10), 20)
    assert (old / key_of(3)).exists()


@pytest.mark.parametrize(
    "change", [lambda c: c[:-30], lambda c: b"", lambda c: c[:60] + b"\0" + c[61:], lambda c: c * 0 + b"x"]
)
def test_torn_files_go_to_quarantine(old, change, caplog):
    path = old / key_of(4)
    path.write_bytes(change(path.read_bytes()))
    store = LevelStore(old)
    assert store.read(key_of(4)) is None and store.read(key_of(4)) is None
    assert quarantined(store) == [key_of(4)] and len(caplog.records) == 1
    assert holds(store, *(number for number in range(10) if number != 4))


def test_a_file_under_a_wrong_name_is_not_handed_over(old):
    (old / key_of(4)).write_bytes(payload_of(5))  # has the map of another level
    assert LevelStore(old).read(key_of(4)) is None


def test_a_file_without_a_map_in_its_name_is_left_alone(old):
    (old / "notes").write_text("mine")
    assert old.joinpath("notes").read_text() == "mine"
    assert set(LevelStore(old).v1.keys()) == {key_of(number) for number in range(10)}


def test_lines_that_make_no_sense_are_passed_over(old):
    with (old / f"_{LEVELS[0]}.dm_lvl_seeds").open("a") as file:
        file.write("no seed\n12\n\n99999999999999999999 key\n77 " + key_of(77))
    assert LevelStore(old).seeds(LEVELS[0]) == [0, 2, 4, 6, 8]


@pytest.mark.parametrize("level", ["../x", "..", "/x", "a//b"])
def test_lists_outside_are_not_read(old, level):
    (old.parent / "x.dm_lvl_seeds").write_text("5 key\n")
    (old / "_").mkdir()
    assert LevelStore(old).seeds(level) == []


def test_links_are_followed(old, tmp_path):
    os.symlink(old / key_of(2), tmp_path / key_of(2))
    assert holds(LevelStore(tmp_path), 2)
