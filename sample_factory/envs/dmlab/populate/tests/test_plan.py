"""What is made next, and when that ends. Knows no process."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sample_factory.envs.dmlab.populate.plan import (
    Lost,
    Made,
    Plan,
    chosen_levels,
    furthest_behind,
    targets_for,
)

RATES = {"contributed/dmlab30/rooms_keys_doors_puzzle": 11200, "contributed/dmlab30/lasertag_one_opponent_small": 2400}


def plan(targets: dict[str, int], cached: dict[str, list[int]] | None = None, num_workers: int = 1) -> Plan:
    return Plan(targets, {level: (cached or {}).get(level, []) for level in targets}, num_workers, random.Random(0))


def test_a_target_is_what_a_training_of_so_many_frames_plays() -> None:
    assert list(targets_for(RATES, 10_000_000_000).values()) == [112_000, 24_000]
    assert list(targets_for(RATES, 1000).values()) == [1, 1]


def test_levels_are_named_by_their_path_or_its_end() -> None:
    assert chosen_levels(RATES, ()) == RATES
    first, second = RATES
    assert list(chosen_levels(RATES, ("lasertag_one_opponent_small", first))) == [second, first]
    with pytest.raises(ValueError, match=r"--levels: rooms_watermaze is no level .* rooms_keys_doors_puzzle"):
        chosen_levels(RATES, ("rooms_watermaze",))


def test_the_level_of_which_the_smallest_part_is_done_is_next() -> None:
    assert furthest_behind({"a": 5, "b": 10}, {"a": 10, "b": 100}) == "b"
    assert furthest_behind({"a": 0, "b": 100}, {"a": 10, "b": 100}) == "a"
    assert furthest_behind({"a": 10, "b": 101}, {"a": 10, "b": 100}) is None


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(1, 60), min_size=1),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_it_ends_with_enough_of_all_and_no_more_whatever_dies(
    targets: dict[str, int], num_workers: int, chance: random.Random
) -> None:
    work = plan(targets, {"a": [1, 2, 3]}, num_workers)
    seeds: set[tuple[str, int]] = {("a", 1), ("a", 2), ("a", 3)}
    made = Counter({level: 3 * (level == "a") for level in targets})
    while not work.is_met:
        job = work.next_job()
        assert job is not None, "nothing is under way, so what is missing must be given out"
        for number, seed in enumerate(job.seeds):
            assert (job.level, seed) not in seeds
            seeds.add((job.level, seed))
            if chance.random() < 0.1:
                work.note(Lost(job.level, len(job.seeds) - number, "killed"))
                break
            work.note(Made(job.level, stored_bytes=1))
            made[job.level] += 1
        if work.first_errors:
            return  # ten deaths in a row, by chance
    assert work.next_job() is None
    assert all(made[level] == max(target, 3 * (level == "a")) for level, target in targets.items())


def test_the_last_levels_are_spread_over_all_workers() -> None:
    work = plan({"a": 100}, num_workers=8)
    sizes = []
    while (job := work.next_job()) is not None:
        sizes.append(len(job.seeds))
    assert sum(sizes) == 100 and sizes[0] == 10 and sizes[-8:] == [1] * 8


def test_levels_that_are_there_count() -> None:
    work = plan({"a": 3, "b": 2}, {"a": [1, 2, 3, 4], "b": [7]})
    assert (work.num_ready, work.num_wanted, work.is_met) == (4, 5, False)
    assert work.counts() == {"a": (4, 3), "b": (1, 2)}
    job = work.next_job()
    assert job is not None and job.level == "b" and work.next_job() is None
    work.note(Made("b", stored_bytes=1))
    assert work.is_met


def test_a_layout_that_is_there_under_another_seed_counts_so_that_few_layouts_are_enough() -> None:
    work = plan({"a": 50})
    while (job := work.next_job()) is not None:
        for seed in job.seeds:
            work.note(Made("a", was_cached=True) if seed % 2 else Made("a", stored_bytes=1))
    assert work.is_met and not work.takes_nothing


def test_a_cache_that_takes_nothing_is_noticed() -> None:
    work = plan({"a": 1000})
    for _ in range(30):
        work.note(Made("a"))
        work.note(Made("a", stored_bytes=1))
    assert not work.takes_nothing, "one level in two was taken"
    for _ in range(20):
        assert not work.takes_nothing
        work.note(Made("a", was_cached=True))
        work.note(Made("a"))
    assert work.takes_nothing


def test_a_level_that_fails_again_and_again_is_given_up_and_the_others_go_on() -> None:
    work = plan({"bad": 100, "good": 40})
    while (job := work.next_job()) is not None:
        for number, _ in enumerate(job.seeds):
            if job.level == "good":
                work.note(Made("good", stored_bytes=1))
            elif number == 1:
                work.note(Lost("bad", len(job.seeds) - number, "killed"))
                break
            else:
                work.note(Made("bad", error="cannot be compiled"))
    assert work.counts() == {"bad": (0, 100), "good": (40, 40)}
    assert work.first_errors == {"bad": "cannot be compiled"} and not work.is_met


def test_failures_with_levels_in_between_give_nothing_up() -> None:
    work = plan({"a": 100})
    for _ in range(50):
        work.note(Made("a", error="bad luck"))
        work.note(Made("a", stored_bytes=1))
    assert work.first_errors == {}
