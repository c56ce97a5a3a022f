"""The levels: how long they last, on which maps, and what can be had in them. Knows nothing about playing them."""

from __future__ import annotations

from typing import NamedTuple

_ANY_SEED = 2**31 - 1


class MapSpec(NamedTuple):
    """A map by name. With `layouts` it is generated and goes through the cache, else it comes with the engine."""

    name: str
    plan: str
    layouts: int = 0
    """How many different layouts there are."""
    bots: bool = False
    trial: str = ""
    """What is asked of the player on this map; empty if the level just has items."""


class Item(NamedTuple):
    """Things of one kind that lie about."""

    shape: str
    colour: str
    number: int
    reward: int
    restarts: bool = False
    """Whether touching it puts the player somewhere else and brings back what was collected."""


class Level(NamedTuple):
    """What there is to a level."""

    seconds: int
    maps: tuple[MapSpec, ...]
    items: tuple[Item, ...] = ()
    rule: str = "touch"
    """What chooses a thing: `touch`, `fire` (the things are opponents and walk) or `look` (the player stands still)."""
    any_setting: bool = False
    """Whether settings that nobody knows are ignored instead of refused."""
    plain: bool = False
    """A script without the extra observations, such as instructions."""
    ends_at_goal: bool = False
    shuffled_rewards: bool = False
    """Whether every episode deals the rewards of the items anew among them."""
    needs_dataset: bool = False


def _language_maps(name: str, plan: str, trial: str) -> tuple[MapSpec, MapSpec]:
    """A generated map of the language levels and its variant with floors of its own."""
    return MapSpec(name, plan, 1000, trial=trial), MapSpec(f"{name}_customFloors", plan, 1000, trial=trial)


_APPLES = Item("ball", "green", 8, 1)
_LEMONS = Item("ball", "yellow", 8, -1)
_GOAL = Item("cone", "orange", 1, 10, restarts=True)

_FOUR_POSITIONS = _language_maps("fourPositions", "four positions", "described")
_ROOMS = (
    *_language_maps("twoAreaMap", "two areas", "located"),
    *_language_maps("twoRoomMap", "two rooms", "located"),
    *_language_maps("fourRoomMap", "four rooms", "located"),
    *_language_maps("sixRoomMap", "six rooms", "located"),
)
_QUESTION = MapSpec("quantificationSmallMap", "question", 1000, trial="quantitative")
_SCREEN = (MapSpec("big_screen", "screen", trial="screen"),)

_MAZES = {size: (MapSpec("explore_maze", f"{size} maze", _ANY_SEED),) for size in ("small", "large")}
_LASERTAG = {size: (MapSpec("lt_procedural", f"{size} arena", _ANY_SEED, bots=True),) for size in ("small", "large")}
_SKYMAZE = (MapSpec("platforms_map", "small maze", 100_000),)
_KEYS_AND_DOORS = (MapSpec("keysdoors_demo_map", "small maze", _ANY_SEED),)


def _built(name: str, plan: str) -> tuple[MapSpec, ...]:
    return (MapSpec(name, plan),)


def _collect(seconds: int, map_name: str, plan: str, *items: Item, any_setting: bool = False) -> Level:
    return Level(seconds, _built(map_name, plan), items or (_APPLES, _LEMONS), any_setting=any_setting)


def _explore(size: str, *items: Item, shuffled: bool = False) -> Level:
    return Level(90 if size == "small" else 120, _MAZES[size], items, shuffled_rewards=shuffled)


def _lasertag(size: str, opponents: int) -> Level:
    return Level(240, _LASERTAG[size], (Item("pillar", "red", opponents, 1),), rule="fire")


def _language(seconds: int, *maps: MapSpec) -> Level:
    return Level(seconds, maps)


def _psychlab(seconds: int, needs_dataset: bool = False) -> Level:
    return Level(seconds, _SCREEN, rule="look", needs_dataset=needs_dataset)


_GOOD_OBJECTS = _collect(60, "collect_good_objects", "small arena", any_setting=True)
_DEFERRED_EFFECTS = _collect(
    60, "exploit_deferred_effects", "small arena", _APPLES, _GOAL._replace(colour="purple"), any_setting=True
)
_FOUR_KINDS = (
    Item("ball", "red", 3, 5),
    Item("box", "blue", 3, 1),
    Item("cone", "yellow", 3, -1),
    Item("pillar", "cyan", 3, -5),
)

DMLAB30: dict[str, Level] = {
    "rooms_collect_good_objects_train": _GOOD_OBJECTS,
    "rooms_exploit_deferred_effects_train": _DEFERRED_EFFECTS,
    "rooms_select_nonmatching_object": Level(12, (MapSpec("nonmatch", "sample", trial="nonmatching"),)),
    "rooms_watermaze": _collect(120, "watermaze", "large arena", _GOAL),
    "rooms_keys_doors_puzzle": Level(
        60,
        _KEYS_AND_DOORS,
        (Item("box", "yellow", 2, 1), _GOAL),
        any_setting=True,
        ends_at_goal=True,
    ),
    "language_select_described_object": _language(60, *_FOUR_POSITIONS),
    "language_select_located_object": _language(120, *_ROOMS),
    "language_execute_random_task": _language(120, *_FOUR_POSITIONS, *_ROOMS, _QUESTION),
    "language_answer_quantitative_question": _language(60, _QUESTION),
    "lasertag_one_opponent_small": _lasertag("small", 1),
    "lasertag_three_opponents_small": _lasertag("small", 3),
    "lasertag_one_opponent_large": _lasertag("large", 1),
    "lasertag_three_opponents_large": _lasertag("large", 3),
    "natlab_fixed_large_map": _collect(120, "natlab_fixed", "large arena"),
    "natlab_varying_map_regrowth": _collect(120, "natlab_regrowth", "large arena"),
    "natlab_varying_map_randomized": _collect(120, "natlab_randomized", "large arena"),
    "skymaze_irreversible_path_hard": Level(60, _SKYMAZE, (_GOAL._replace(reward=100),)),
    "skymaze_irreversible_path_varied": Level(60, _SKYMAZE, (_GOAL._replace(reward=100),), ends_at_goal=True),
    "psychlab_arbitrary_visuomotor_mapping": _psychlab(300, needs_dataset=True),
    "psychlab_continuous_recognition": _psychlab(300, needs_dataset=True),
    "psychlab_sequential_comparison": _psychlab(300),
    "psychlab_visual_search": _psychlab(150),
    "explore_object_locations_small": _explore("small", _APPLES),
    "explore_object_locations_large": _explore("large", _APPLES),
    "explore_obstructed_goals_small": _explore("small", _GOAL, _APPLES),
    "explore_obstructed_goals_large": _explore("large", _GOAL, _APPLES),
    "explore_goal_locations_small": _explore("small", _GOAL),
    "explore_goal_locations_large": _explore("large", _GOAL),
    "explore_object_rewards_few": _explore("small", *_FOUR_KINDS, shuffled=True),
    "explore_object_rewards_many": _explore("large", *_FOUR_KINDS, shuffled=True),
}

_HELD_OUT = {
    "rooms_collect_good_objects_test": _GOOD_OBJECTS,
    "rooms_exploit_deferred_effects_test": _DEFERRED_EFFECTS,
}

LEVELS: dict[str, Level] = {
    **{f"contributed/dmlab30/{name}": level for name, level in {**DMLAB30, **_HELD_OUT}.items()},
    "lt_chasm": Level(
        120,
        _built("lt_chasm", "large arena"),
        (Item("pillar", "red", 4, 1),),
        rule="fire",
        any_setting=True,
        plain=True,
    ),
    "nav_maze_static_01": Level(
        60, _built("nav_maze_static_01", "small maze"), (_GOAL, _APPLES), any_setting=True, plain=True
    ),
    "seekavoid_arena_01": Level(
        60, _built("seekavoid_arena_01", "small arena"), (_APPLES, _LEMONS), any_setting=True, plain=True
    ),
}
