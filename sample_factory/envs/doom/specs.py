"""What each `doom_*` environment is: scenario, rules, rewards and actions. Knows no engine and no option.

Everything is written out here instead of being read from the configuration files that VizDoom ships, because those
differ from the settings for which published scores exist (other buttons, HUD, living rewards and death penalties).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from sample_factory.envs.doom import variables
from sample_factory.envs.doom.actions import (
    BASIC,
    BATTLE,
    EXTENDED,
    MATCH_WITH_CONTINUOUS_TURNING,
    TURN_AND_ATTACK,
    Component,
    flat,
    match_actions,
)
from sample_factory.envs.doom.shaping import bots_table, self_play_table

MAX_PLAYERS = 8


@dataclass(frozen=True)
class MatchRules:
    """Players against each other, everyone for itself; the dead come back."""

    num_agents: int = 1
    num_bots: int = 0
    timelimit_min: float = 4.0
    respawn_delay_sec: int = 0


@dataclass(frozen=True)
class DoomSpec:
    """One environment. Rewards are per engine unit, before `reward_scale`."""

    name: str
    scenario: str
    """One of the package's own scenarios, the stem of a WAD file in VizDoom's scenarios folder, or the path of a file
    of one's own that ends in .wad."""
    actions: tuple[Component, ...]
    map: str = "map01"
    """Which map of a WAD file is played; the package's own scenarios have several, one after the other."""
    timeout_tics: int = 2100
    """Tics (1/35 s) until an episode is cut; 0 means never."""
    start_tic: int = 1
    """Tics that run before the agent sees its first frame; weapons need about 14 to come up."""
    skill: int = 3
    """1 (easiest) to 5: damage and speed of monsters."""
    living_reward: float = 0.0
    """Reward of each tic."""
    death_penalty: float = 0.0
    """Subtracted when the player dies."""
    reward_scale: float = 1.0
    """All rewards are multiplied by this."""
    rewards_health_gain: bool = False
    """Adds 1 whenever a step ends with more health than it began with."""
    hud: bool = False
    weapon: bool = True
    crosshair: bool = False
    screen_flashes: bool = True
    """Red when hurt, yellow when something is picked up."""
    game_args: str = ""
    """Further arguments of the engine."""
    engine_settings: tuple[tuple[str, float | bool], ...] = ()
    """Further rewards and what is drawn, by the names of VizDoom's configuration files (kill_reward)."""
    original: str = ""
    """Stem of the WAD file that `--doom_scenarios_dir` may have instead of the package's own scenario."""
    variables: tuple[str, ...] = ()
    """Game variables that rewards, measurements and statistics look at."""
    statistics: tuple[str, ...] = ()
    """Those of `variables` whose values are reported at an episode's end, where one player is alone."""
    measurements: bool = False
    """Observations are the image and the measurements."""
    shaping: Callable[[], dict[str, Any]] | None = None
    """Makes the table of extra rewards, see `sample_factory.envs.doom.shaping`."""
    objective: Literal["score", "frags", "win"] = "score"
    """What an episode is judged by where extra rewards are paid: the game's own rewards, the frags, or 1 for being the
    only winner."""
    match: MatchRules | None = None
    """None: the player is alone with the scenario."""


_MOVES = ("TURN_LEFT", "TURN_RIGHT", "MOVE_FORWARD", "MOVE_BACKWARD")


def _my_way_home(name: str, actions: tuple[Component, ...]) -> DoomSpec:
    return DoomSpec(name, "my_way_home", actions, start_tic=10, skill=5, living_reward=-0.0001)


def _defend_the_center(name: str, actions: tuple[Component, ...]) -> DoomSpec:
    return DoomSpec(name, "defend_the_center", actions, start_tic=10, death_penalty=1.0, hud=True)


def _gathering(name: str, scenario: str) -> DoomSpec:
    return DoomSpec(name, scenario, flat(*_MOVES), living_reward=0.01, rewards_health_gain=True, weapon=False)


def _two_colors(difficulty: str) -> DoomSpec:
    scenario = f"two_colors_{difficulty}"
    return DoomSpec(
        f"doom_{scenario}",
        scenario,
        BASIC,
        living_reward=0.01,
        rewards_health_gain=True,
        weapon=False,
        original=scenario,
    )


def _battle(scenario: str) -> DoomSpec:
    return DoomSpec(
        f"doom_{scenario}",
        scenario,
        BATTLE,
        start_tic=14,
        skill=2,
        hud=True,
        crosshair=True,
        original=scenario,
        variables=variables.BATTLE,
        measurements=True,
        shaping=bots_table,
    )


def _match(
    name: str,
    scenario: str,
    actions: tuple[Component, ...],
    match: MatchRules,
    original: str = "",
) -> DoomSpec:
    is_self_play = match.num_agents > 1
    return DoomSpec(
        name,
        scenario,
        actions,
        hud=True,
        crosshair=True,
        original=original,
        variables=variables.MATCH,
        measurements=True,
        shaping=self_play_table if is_self_play else bots_table,
        objective="win" if is_self_play else "frags",
        match=match,
    )


_FLAT_WITH_SPEED = flat(
    "MOVE_FORWARD", "MOVE_BACKWARD", "MOVE_RIGHT", "MOVE_LEFT", "TURN_RIGHT", "TURN_LEFT", "ATTACK", "SPEED"
)

_SPECS = (
    DoomSpec(
        "doom_basic",
        "basic",
        flat("MOVE_LEFT", "MOVE_RIGHT", "ATTACK"),
        timeout_tics=300,
        start_tic=14,
        skill=5,
        living_reward=-1.0,
        reward_scale=0.01,
        hud=True,
    ),
    _my_way_home("doom_my_way_home", BASIC),
    _my_way_home("doom_my_way_home_flat_actions", flat(*_MOVES)),
    DoomSpec(
        "doom_deadly_corridor",
        "deadly_corridor",
        EXTENDED,
        skill=5,
        death_penalty=100.0,
        reward_scale=0.01,
        hud=True,
    ),
    _defend_the_center("doom_defend_the_center", TURN_AND_ATTACK),
    _defend_the_center("doom_defend_the_center_flat_actions", flat("TURN_LEFT", "TURN_RIGHT", "ATTACK")),
    DoomSpec(
        "doom_defend_the_line",
        "defend_the_line",
        TURN_AND_ATTACK,
        timeout_tics=0,
        start_tic=10,
        death_penalty=1.0,
        hud=True,
    ),
    _gathering("doom_health_gathering", "health_gathering"),
    _gathering("doom_health_gathering_supreme", "health_gathering_supreme"),
    # The next two have no published settings of this family: rules and buttons are those that VizDoom ships.
    DoomSpec(
        "doom_take_cover",
        "take_cover",
        flat("MOVE_LEFT", "MOVE_RIGHT"),
        timeout_tics=0,
        skill=4,
        living_reward=1.0,
        reward_scale=0.01,
        screen_flashes=False,
    ),
    DoomSpec(
        "doom_predict_position",
        "predict_position",
        TURN_AND_ATTACK,
        timeout_tics=300,
        start_tic=16,
        skill=1,
        living_reward=-0.001,
        game_args="+sv_noautoaim 1",
    ),
    # For measuring speed: of the shipped scenarios the one whose step costs most nearly what a map full of monsters
    # and items does (benchmarks/doom_env.py).
    DoomSpec(
        "doom_benchmark_shipped",
        "deathmatch",
        _FLAT_WITH_SPEED,
        skill=2,
        hud=True,
        crosshair=True,
    ),
    _two_colors("easy"),
    _two_colors("hard"),
    _battle("battle"),
    _battle("battle2"),
    DoomSpec(
        "doom_benchmark", "battle", _FLAT_WITH_SPEED, start_tic=14, skill=2, hud=True, crosshair=True, original="battle"
    ),
    _match("doom_duel_bots", "duel_arena", match_actions(True), MatchRules(1, 1, respawn_delay_sec=2), "ssl2"),
    _match("doom_deathmatch_bots", "deathmatch_arena", match_actions(False), MatchRules(1, 7), "dwango5"),
    _match("doom_duel", "duel_arena", match_actions(True), MatchRules(2, 0, respawn_delay_sec=2), "ssl2"),
    _match(
        "doom_deathmatch_full", "deathmatch_arena", match_actions(True), MatchRules(4, 4, respawn_delay_sec=2), "freedm"
    ),
    _match("doom_dm", "cig", MATCH_WITH_CONTINUOUS_TURNING, MatchRules(8, 0)),
    _match("doom_dwango5", "deathmatch_arena", MATCH_WITH_CONTINUOUS_TURNING, MatchRules(8, 0), "dwango5"),
)

SPECS: dict[str, DoomSpec] = {spec.name: spec for spec in _SPECS}


def doom_spec(name: str) -> DoomSpec:
    """The environment of that name.

    Raises:
        ValueError: there is none.
    """
    if name not in SPECS:
        raise ValueError(f"unknown Doom environment {name!r}; known are {', '.join(sorted(SPECS))}")
    return SPECS[name]
