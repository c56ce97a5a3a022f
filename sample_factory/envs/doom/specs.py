"""What each `doom_*` environment is: scenario, rules, rewards and actions. Knows no engine and no option.

Everything is written out here instead of being read from the configuration files that VizDoom ships, because those
differ from the settings for which published scores exist (other buttons, HUD, living rewards and death penalties).
"""

from __future__ import annotations

from dataclasses import dataclass

from sample_factory.envs.doom.actions import BASIC, EXTENDED, TURN_AND_ATTACK, Component, flat


@dataclass(frozen=True)
class DoomSpec:
    """One environment. Rewards are per engine unit, before `reward_scale`."""

    name: str
    scenario: str
    """Stem of a WAD file in VizDoom's scenarios folder, or the path of a file of one's own that ends in .wad."""
    actions: tuple[Component, ...]
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


_MOVES = ("TURN_LEFT", "TURN_RIGHT", "MOVE_FORWARD", "MOVE_BACKWARD")


def _my_way_home(name: str, actions: tuple[Component, ...]) -> DoomSpec:
    return DoomSpec(name, "my_way_home", actions, start_tic=10, skill=5, living_reward=-0.0001)


def _defend_the_center(name: str, actions: tuple[Component, ...]) -> DoomSpec:
    return DoomSpec(name, "defend_the_center", actions, start_tic=10, death_penalty=1.0, hud=True)


def _gathering(name: str, scenario: str) -> DoomSpec:
    return DoomSpec(name, scenario, flat(*_MOVES), living_reward=0.01, rewards_health_gain=True, weapon=False)


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
        flat(
            "MOVE_FORWARD",
            "MOVE_BACKWARD",
            "MOVE_RIGHT",
            "MOVE_LEFT",
            "TURN_RIGHT",
            "TURN_LEFT",
            "ATTACK",
            "SPEED",
        ),
        skill=2,
        hud=True,
        crosshair=True,
    ),
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
