"""The 30 levels of DMLab-30 and the names of environments made of levels. Knows no simulator.

Scores of people and of a random policy are those published with DMLab-30 and used by IMPALA; the number of layouts per
billion frames is what training takes of the levels that compile one for every episode.
"""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.envs.registry import unknown_name

PREFIX = "dmlab_"
_FOLDER = "contributed/dmlab30/"


@dataclass(frozen=True)
class Level:
    """One level of DMLab-30; scores are raw, unshaped returns of an episode."""

    name: str
    human: float
    random: float
    test_name: str
    levels_per_billion: int = 0
    """Layouts compiled per billion frames, one at each reset; 0 where levels are not compiled or not at every reset."""
    needs_dataset: bool = False
    """Shows photographs that do not come with DeepMind Lab."""

    @property
    def path(self) -> str:
        """How DeepMind Lab knows the level for training."""
        return _FOLDER + self.name

    @property
    def test_path(self) -> str:
        """How DeepMind Lab knows the level for evaluation."""
        return _FOLDER + self.test_name


def _level(
    name: str, human: float, random: float, per_billion: int = 0, *, test: str = "", dataset: bool = False
) -> Level:
    return Level(name, human, random, test or name, per_billion, dataset)


LEVELS: tuple[Level, ...] = (
    _level("rooms_collect_good_objects_train", 10.0, 0.073, test="rooms_collect_good_objects_test"),
    _level("rooms_exploit_deferred_effects_train", 85.65, 8.501, test="rooms_exploit_deferred_effects_test"),
    _level("rooms_select_nonmatching_object", 65.9, 0.312),
    _level("rooms_watermaze", 54.0, 4.065),
    _level("rooms_keys_doors_puzzle", 53.8, 4.135, 11200),
    _level("language_select_described_object", 389.5, -0.07),
    _level("language_select_located_object", 280.7, 1.929),
    _level("language_execute_random_task", 254.05, -5.913),
    _level("language_answer_quantitative_question", 184.5, -0.33),
    _level("lasertag_one_opponent_small", 12.65, -0.224, 2400),
    _level("lasertag_three_opponents_small", 18.55, -0.214, 2400),
    _level("lasertag_one_opponent_large", 18.6, -0.083, 2400),
    _level("lasertag_three_opponents_large", 31.5, -0.102, 2400),
    _level("natlab_fixed_large_map", 36.9, 2.173),
    _level("natlab_varying_map_regrowth", 24.45, 2.989),
    _level("natlab_varying_map_randomized", 42.35, 7.346),
    _level("skymaze_irreversible_path_hard", 100.0, 0.1, 11200),
    _level("skymaze_irreversible_path_varied", 100.0, 14.4, 13500),
    _level("psychlab_arbitrary_visuomotor_mapping", 58.75, 0.163, dataset=True),
    _level("psychlab_continuous_recognition", 58.3, 0.224, dataset=True),
    _level("psychlab_sequential_comparison", 39.5, 0.129),
    _level("psychlab_visual_search", 78.5, 0.085),
    _level("explore_object_locations_small", 74.45, 3.575, 6200),
    _level("explore_object_locations_large", 65.65, 4.673, 4700),
    _level("explore_obstructed_goals_small", 206.0, 6.76, 6200),
    _level("explore_obstructed_goals_large", 119.5, 2.61, 4700),
    _level("explore_goal_locations_small", 267.5, 7.66, 6200),
    _level("explore_goal_locations_large", 194.5, 3.14, 4700),
    _level("explore_object_rewards_few", 77.7, 2.073, 6200),
    _level("explore_object_rewards_many", 106.7, 2.438, 4700),
)
"""In the order of IMPALA's list; the place in it is the number of the task."""

DMLAB_30 = f"{PREFIX}30"
_BY_NAME = {name: level for level in LEVELS for name in (level.name, level.test_name)}
_ENVIRONMENTS: dict[str, tuple[str, ...]] = {
    DMLAB_30: tuple(level.path for level in LEVELS),
    f"{PREFIX}level_cache": tuple(level.path for level in LEVELS if level.levels_per_billion),
    **{
        PREFIX + name: (_FOLDER + level,)
        for name, level in (
            ("benchmark", "rooms_collect_good_objects_train"),
            ("benchmark_slow_reset", "rooms_keys_doors_puzzle"),
            ("sparse", "explore_goal_locations_large"),
            ("sparse_doors", "explore_obstructed_goals_large"),
            ("nonmatch", "rooms_select_nonmatching_object"),
            ("watermaze", "rooms_watermaze"),
            ("collect_good_objects", "rooms_collect_good_objects_train"),
        )
    },
}


def environment_names() -> list[str]:
    """What may be asked for by a name of its own, and the 30 levels by theirs."""
    return [*_ENVIRONMENTS, *(PREFIX + level.name for level in LEVELS)]


def level_paths(full_env_name: str) -> tuple[str, ...]:
    """The levels that an environment name stands for, as DeepMind Lab knows them.

    What follows the prefix may be one of our names, a level of DMLab-30, or the path of any other level.

    Raises:
        ValueError: the name stands for none.
    """
    if full_env_name in _ENVIRONMENTS:
        return _ENVIRONMENTS[full_env_name]
    path = full_env_name.removeprefix(PREFIX)
    if path == "very_sparse":
        raise ValueError(
            f"--env={full_env_name} needs a changed DeepMind Lab: the published one refuses its setting "
            f"minGoalDistance; --env={PREFIX}sparse is the same level without it"
        )
    if not path or path.startswith("/") or ".." in path.split("/"):
        raise ValueError(unknown_name(f"there is no level {path!r}", full_env_name, environment_names()))
    return (_FOLDER + path if path in _BY_NAME else path,)


def find_level(path: str) -> Level | None:
    """The level of DMLab-30 with this path, for training or for testing; None if it is another level."""
    return _BY_NAME.get(path.removeprefix(_FOLDER)) if path.startswith(_FOLDER) else None
