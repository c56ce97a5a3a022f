"""Names stand for the levels they should."""

from __future__ import annotations

import pytest

from sample_factory.envs.dmlab.levels import LEVELS, environment_names, find_level, level_paths


def test_dmlab_30_is_thirty_levels_in_the_published_order():
    paths = level_paths("dmlab_30")
    assert len(paths) == len(set(paths)) == 30
    assert paths[0] == "contributed/dmlab30/rooms_collect_good_objects_train"
    assert paths[17].endswith("skymaze_irreversible_path_varied") and paths[29].endswith("explore_object_rewards_many")
    assert [level.name for level in LEVELS if level.test_name != level.name] == [
        "rooms_collect_good_objects_train",
        "rooms_exploit_deferred_effects_train",
    ]


def test_fifteen_levels_are_compiled_at_every_reset():
    paths = level_paths("dmlab_level_cache")
    assert len(paths) == 15
    assert sum(level.levels_per_billion for level in LEVELS) == 89_100
    assert all(find_level(path).levels_per_billion for path in paths)


@pytest.mark.parametrize("name", environment_names())
def test_every_name_that_is_suggested_stands_for_something(name):
    assert all(path.startswith("contributed/dmlab30/") for path in level_paths(name))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("dmlab_lt_chasm", "lt_chasm"),
        (
            "dmlab_contributed/dmlab30/lasertag_three_opponents_small",
            "contributed/dmlab30/lasertag_three_opponents_small",
        ),
        ("dmlab_lasertag_three_opponents_small", "contributed/dmlab30/lasertag_three_opponents_small"),
        ("dmlab_rooms_collect_good_objects_test", "contributed/dmlab30/rooms_collect_good_objects_test"),
        ("dmlab_watermaze", "contributed/dmlab30/rooms_watermaze"),
    ],
)
def test_what_follows_the_prefix_is_a_level(name, path):
    assert level_paths(name) == (path,)


@pytest.mark.parametrize("name", ["dmlab_", "dmlab_../secrets", "dmlab_/etc/level", "dmlab_a/../b"])
def test_what_cannot_be_a_level_is_refused(name):
    with pytest.raises(ValueError, match="there is no level"):
        level_paths(name)


def test_a_setting_that_the_published_module_refuses_is_said_beforehand():
    with pytest.raises(ValueError, match=r"minGoalDistance.*dmlab_sparse"):
        level_paths("dmlab_very_sparse")


def test_levels_are_found_by_their_path_in_training_and_in_testing():
    train, test = (find_level(f"contributed/dmlab30/rooms_collect_good_objects_{kind}") for kind in ("train", "test"))
    assert train is test and train is not None
    assert find_level("lt_chasm") is None and find_level("rooms_watermaze") is None
