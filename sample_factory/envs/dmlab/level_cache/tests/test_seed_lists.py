"""Lists of seeds: hints that survive crashes. Knows no store."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sample_factory.envs.dmlab.level_cache import seed_lists
from sample_factory.envs.dmlab.level_cache.entries import is_level
from sample_factory.envs.dmlab.level_cache.seed_lists import SeedLists, parse_lines
from sample_factory.envs.dmlab.level_cache.tests.stores import disk_ends_at, files_below


@pytest.fixture
def lists(tmp_path):
    return SeedLists(str(tmp_path))


def test_lines_are_read_back(lists, tmp_path):
    lists.add("a/b", 5, "key")
    lists.add("a/b", 6, "key")
    lists.add("a", 7, "key")
    assert lists.lines("a/b") == {(5, "key"), (6, "key")}
    assert lists.seeds("a") == {7}
    assert lists.levels() == ["a", "a/b"]
    assert len(files_below(tmp_path)) == 2


@given(st.integers(0, 20))
def test_a_torn_last_line_is_passed_over(length):
    whole = b"123 first_key\n"
    torn = b"456 second_key_noaas\n"[:length]
    assert parse_lines(whole + torn) == {(123, "first_key")}


@pytest.mark.parametrize("line", [b"x key", b"5", b"5 ../key", b" 5 key", b"5 key more", b"\xff key", b"5 key\r", b""])
def test_lines_that_make_no_sense_are_passed_over(line):
    assert parse_lines(b"1 a\n" + line + b"\n2 b\n") == {(1, "a"), (2, "b")}


@given(st.binary(max_size=200))
def test_any_bytes_can_be_read(contents):
    parse_lines(contents)


def test_after_a_line_that_did_not_fit_a_new_file_begins(lists, tmp_path):
    lists.add("level", 1, "key")
    with disk_ends_at(10), pytest.raises(OSError):
        lists.add("level", 22, "other_key")
    lists.add("level", 333, "key")
    assert lists.seeds("level") == {1, 333}


def test_merging_keeps_what_is_not_known_otherwise(lists, tmp_path):
    for seed in range(6):
        SeedLists(str(tmp_path)).add("level", seed, "key")
    lists.merge("level", known={0, 1})
    assert len(files_below(tmp_path)) == 1
    assert lists.seeds("level") == {2, 3, 4, 5}
    before = files_below(tmp_path)
    lists.merge("level", known=set())
    assert files_below(tmp_path) == before
    lists.merge("level", known=set(range(6)))
    assert not files_below(tmp_path)


def test_a_line_that_is_written_while_files_are_merged_stays(lists, tmp_path, monkeypatch):
    SeedLists(str(tmp_path)).add("level", 1, "key")
    lists.add("level", 2, "key")

    def meanwhile(path, contents):
        lists.add("level", 3, "key")
        write_file(path, contents)

    write_file = seed_lists.write_file
    monkeypatch.setattr(seed_lists, "write_file", meanwhile)
    SeedLists(str(tmp_path)).merge("level", known=set())
    assert lists.seeds("level") == {1, 2, 3}


@given(level=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
@example("." + 250 * "a")
@example(21 * "\U00010000")
@example("." + 249 * "a")
@example(20 * "\U00010000" + "/" + 20 * "\U00010000")
def test_every_level_has_its_own_folder_within(tmp_path_factory, level):
    assume(is_level(level))
    folder = tmp_path_factory.mktemp("lists")
    lists = SeedLists(str(folder))
    lists.add(level, 1, "key")
    assert lists.levels() == [level]
    assert len(files_below(folder / "seeds")) == 1


@pytest.mark.parametrize(("level", "is_one"), [(250 * "a", True), (251 * "a", False), (21 * "\U00010000", False)])
def test_a_level_whose_folder_no_file_system_could_hold_is_none(level: str, is_one: bool):
    assert is_level(level) is is_one and is_level(f"a/{level}/b") is is_one
