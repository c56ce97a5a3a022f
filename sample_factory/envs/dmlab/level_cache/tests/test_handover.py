"""DeepMind Lab is told the truth and is never disturbed. Knows no engine."""

from __future__ import annotations

import gc
import logging
import os
import weakref
from pathlib import Path

import pytest

from sample_factory.envs.dmlab.level_cache.compiles import CompileSlots
from sample_factory.envs.dmlab.level_cache.handover import LevelCache
from sample_factory.envs.dmlab.level_cache.tests.levels_in_memory import LevelsInMemory

KEY = "explore_maze_noaas_00112233445566778899aabbccddeeff"


class CountedSlots(CompileSlots):
    """Remembers whether a place is held instead of taking one."""

    def __init__(self) -> None:
        self.is_held = False
        self.num_entered = 0
        self.error: Exception | None = None

    def enter(self) -> None:
        if self.error:
            raise self.error
        assert not self.is_held
        self.is_held = True
        self.num_entered += 1

    def leave(self) -> None:
        self.is_held = False


@pytest.fixture
def slots() -> CountedSlots:
    return CountedSlots()


@pytest.fixture
def pk3(tmp_path: Path) -> Path:
    return tmp_path / "explore_maze.pk3"


def test_a_level_of_the_store_replaces_what_was_there(slots: CountedSlots, pk3: Path) -> None:
    cache = LevelCache(LevelsInMemory({KEY: b"new"}), slots)
    pk3.write_bytes(b"the level of the last episode")
    assert cache.fetch(KEY, str(pk3)) is True
    assert pk3.read_bytes() == b"new" and os.listdir(pk3.parent) == [pk3.name]
    assert (cache.hits, cache.misses, cache.failures, slots.num_entered) == (1, 0, 0, 0)


def test_a_missing_level_is_compiled_in_a_place_and_stored_with_its_seed(slots: CountedSlots, pk3: Path) -> None:
    store = LevelsInMemory()
    cache = LevelCache(store, slots)
    cache.level, cache.seed = "contributed/dmlab30/explore_maze", 17
    assert cache.fetch(KEY, str(pk3)) is False
    assert slots.is_held and not pk3.exists()
    pk3.write_bytes(b"compiled")
    cache.write(KEY, str(pk3))
    assert not slots.is_held
    assert store.levels == {KEY: b"compiled"}
    assert store.written == [(KEY, "contributed/dmlab30/explore_maze", 17)]
    cache.finished()
    assert (cache.hits, cache.misses, cache.failures, cache.stored_bytes) == (0, 1, 0, len(b"compiled"))
    assert cache.compile_seconds > 0


def test_the_seed_of_a_level_that_is_there_is_noted_if_wanted(slots: CountedSlots, pk3: Path) -> None:
    for notes_hits, written in ((False, []), (True, [(KEY, "a level", 17)])):
        store = LevelsInMemory({KEY: b"new"})
        cache = LevelCache(store, slots, notes_hits=notes_hits)
        cache.level, cache.seed = "a level", 17
        assert cache.fetch(KEY, str(pk3)) is True
        assert store.written == written and cache.stored_bytes == 0


def test_what_the_store_refuses_does_not_count_as_stored(slots: CountedSlots, pk3: Path) -> None:
    store = LevelsInMemory()
    store.is_full = True
    cache = LevelCache(store, slots)
    assert not cache.fetch(KEY, str(pk3))
    pk3.write_bytes(b"compiled")
    cache.write(KEY, str(pk3))
    assert (cache.stored_bytes, cache.failures) == (0, 0)


def test_a_failed_compilation_gives_its_place_back(slots: CountedSlots, pk3: Path) -> None:
    cache = LevelCache(LevelsInMemory(), slots)
    cache.fetch(KEY, str(pk3))
    cache.finished()
    assert not slots.is_held and cache.failures == 1
    cache.finished()
    assert cache.failures == 1
    cache.fetch(KEY, str(pk3))
    cache.fetch(KEY, str(pk3))  # nobody said that the last one had failed
    assert slots.is_held and cache.failures == 2


def test_without_a_store_every_level_is_compiled_in_its_place(slots: CountedSlots, pk3: Path) -> None:
    cache = LevelCache(None, slots)
    assert cache.fetch(KEY, str(pk3)) is False and slots.is_held
    pk3.write_bytes(b"compiled")
    cache.write(KEY, str(pk3))
    assert not slots.is_held and (cache.misses, cache.failures) == (1, 0)


def test_nothing_is_raised_when_the_store_or_the_places_fail(
    slots: CountedSlots, pk3: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = LevelsInMemory()
    store.error = RuntimeError("broken")
    slots.error = RuntimeError("broken as well")
    cache = LevelCache(store, slots)
    with caplog.at_level(logging.WARNING):
        assert cache.fetch(KEY, str(pk3)) is False
        pk3.write_bytes(b"compiled")
        cache.write(KEY, str(pk3))
        cache.fetch(KEY, str(pk3))
        cache.write(KEY, str(pk3))
    assert cache.failures == 6
    assert len(caplog.records) == 1, "the same for every level would flood the log"


def test_a_level_that_cannot_be_handed_over_is_compiled(slots: CountedSlots, tmp_path: Path) -> None:
    cache = LevelCache(LevelsInMemory({KEY: b"new"}), slots)
    assert cache.fetch(KEY, str(tmp_path / "no such folder" / "explore_maze.pk3")) is False
    in_the_way = tmp_path / "map.pk3"
    in_the_way.mkdir()
    assert cache.fetch(KEY, str(in_the_way)) is False
    assert os.listdir(tmp_path) == ["map.pk3"], "no half of a level is left behind"
    assert cache.hits == 0 and slots.is_held


def test_a_compiled_level_that_is_gone_is_no_error(slots: CountedSlots, pk3: Path) -> None:
    cache = LevelCache(LevelsInMemory(), slots)
    cache.fetch(KEY, str(pk3))
    cache.write(KEY, str(pk3))
    assert not slots.is_held and cache.failures == 1


def test_the_cache_dies_with_the_lab_that_holds_it(slots: CountedSlots) -> None:
    """The garbage collector cannot see into a Lab: a cycle through it would never end."""
    cache = LevelCache(LevelsInMemory(), slots)
    gone = weakref.ref(cache)
    gc.disable()
    try:
        del cache
        assert gone() is None
    finally:
        gc.enable()
