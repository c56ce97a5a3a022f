"""Command-line arguments of engines that play a match with each other on this machine. Starts none."""

from __future__ import annotations

import shlex
import socket
from dataclasses import dataclass

from sample_factory.envs.doom.options import DoomOptions
from sample_factory.envs.doom.specs import MAX_PLAYERS, DoomSpec, MatchRules

_CONNECT_TIMEOUT_SEC = 10
WAIT_FOR_PEOPLE_SEC = 600
"""How long a match waits for those who join it from another terminal."""
_SERVER_RULES = " ".join(
    f"+{rule} 1"
    for rule in (
        "sv_forcerespawn",
        "sv_noautoaim",
        "sv_respawnprotect",
        "sv_spawnfarthest",
        "sv_nocrouch",
        "sv_nojump",
        "sv_nofreelook",
        "sv_noexit",
    )
)


@dataclass(frozen=True)
class Lineup:
    """Who takes part in a match."""

    num_agents: int
    num_humans: int
    num_bots: int

    @property
    def num_engines(self) -> int:
        """Players with an engine of their own; bots have none."""
        return self.num_agents + self.num_humans


def lineup(spec: DoomSpec, match: MatchRules, options: DoomOptions) -> Lineup:
    """Who takes part, with what the options say instead of the environment.

    Raises:
        ValueError: more than the engine has room for, or nobody to play against.
    """
    found = Lineup(
        match.num_agents if options.num_agents < 0 else options.num_agents,
        options.num_humans,
        match.num_bots if options.num_bots < 0 else options.num_bots,
    )
    players = found.num_engines + found.num_bots
    if not 2 <= players <= MAX_PLAYERS:
        raise ValueError(
            f"environment {spec.name!r} would have {players} players (--num_agents, --num_humans and --num_bots): "
            f"a match needs 2 to {MAX_PLAYERS}"
        )
    return found


def timelimit_min(match: MatchRules, options: DoomOptions) -> float:
    """Minutes of a match."""
    return match.timelimit_min if options.timelimit is None else options.timelimit


def host_arguments(match: MatchRules, options: DoomOptions, num_engines: int, port: int) -> str:
    """Arguments of the engine that the others join; alone with bots it waits for nobody."""
    # The clock of the server runs out a little after that of the episode, so that the episode ends first.
    minutes = timelimit_min(match, options) + 0.5
    return (
        f"-host {num_engines} -port {port} -deathmatch +timelimit {minutes:g} {_SERVER_RULES} "
        f"+viz_respawn_delay {match.respawn_delay_sec} {_waiting(options)} {player_arguments(0)}"
    )


def join_arguments(player: int, options: DoomOptions, port: int) -> str:
    """Arguments of an agent's engine that joins the one on that port."""
    return f"-join 127.0.0.1:{port} {_waiting(options)} {player_arguments(player)}"


def person_arguments(address: str) -> str:
    """Arguments of a person's engine that joins the one at HOST:PORT."""
    waiting = f"+viz_connect_timeout {2 * WAIT_FOR_PEOPLE_SEC}"
    return f"-join {address} {waiting} +name person +colorset {MAX_PLAYERS - 1}"


def invitation(spec: DoomSpec, options: DoomOptions, port: int) -> str:
    """One line for the people for whom a match waits: how they join it."""
    count, minutes = options.num_humans, WAIT_FOR_PEOPLE_SEC // 60
    # Their engines need the same level and the same clock.
    same = ("doom_map_seed", "doom_num_maps", "doom_scenarios_dir", "timelimit")
    values = {name: getattr(options, name) for name in same if getattr(options, name) != getattr(DoomOptions, name)}
    flags = "".join(f" --{name}={shlex.quote(str(value))}" for name, value in values.items())
    command = f"python -m sample_factory.envs.doom.play_doom --env={spec.name} --join=127.0.0.1:{port}{flags}"
    return f"waiting {minutes} minutes for {count} {'person' if count == 1 else 'people'}: {command}"


def player_arguments(player: int) -> str:
    """How a player is called and coloured."""
    return f"+name agent{player} +colorset {player % MAX_PLAYERS}"


def free_port() -> int:
    """A UDP port that nobody uses at this moment: the engine crashes Python if it cannot have its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def _waiting(options: DoomOptions) -> str:
    # For people others look at the clock: an engine that gives up crashes the interpreter.
    return f"+viz_connect_timeout {2 * WAIT_FOR_PEOPLE_SEC if options.num_humans else _CONNECT_TIMEOUT_SEC}"
