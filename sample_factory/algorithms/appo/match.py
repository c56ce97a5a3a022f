"""Entry point: `python -m sample_factory.algorithms.appo.match --players A B ...`, policies against each other.

Knows no checkpoint and no statistics.
"""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path

from sample_factory.algorithms.appo.evaluation_batch import num_envs_at_once, threads_for
from sample_factory.algorithms.appo.match_report import print_table, write_json
from sample_factory.algorithms.appo.players import Player, check_spaces, load_players, make_actor, where_to_play
from sample_factory.algorithms.appo.seats import Game, play_games
from sample_factory.algorithms.status import Status, exit_status
from sample_factory.config.command_line import parse
from sample_factory.config.config import Config
from sample_factory.config.match import MatchConfig, MatchRunConfig
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.options import import_modules
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.process import interrupt_flag


def main(argv: Sequence[str] | None = None) -> int:
    """Play as the command line says; returns the exit status: 0 success, 1 failure, 2 interrupted."""
    return exit_status(_main, argv)


def play_match(options: MatchRunConfig) -> Status:
    """Let every player play every other one; print the result, and write it if the options say so.

    Raises:
        ValueError: one line that says what the user can mend.
    """
    import_modules(options.import_module)
    players = load_players(options)
    place = where_to_play(players, options)
    seed = options.seed if options.seed is not None else secrets.randbits(31)
    num_envs = _num_envs(place, options)
    signals: list[int] = []
    with interrupt_flag(signals.append):
        pairs = _play_all(players, place, num_envs, options.episodes, seed, lambda: bool(signals))
    names = [player.name for player in players]
    if pairs:
        print_table(names, pairs)
    if signals:
        print(
            "stopped: the table has the pairs that have played all their episodes, and no file is written", flush=True
        )
        return Status.INTERRUPTED
    if options.out is not None:
        about = {
            "env": place.run.env,
            "players": [player.describe() for player in players],
            "episodes": options.episodes,
            "seed": seed,
            "num_envs": num_envs,
            "eval_deterministic": options.eval_deterministic,
        }
        write_json(Path(options.out), about, names, pairs)
    return Status.SUCCESS


def _main(argv: Sequence[str]) -> Status:
    return play_match(parse(argv, MatchConfig).run)


def _num_envs(place: Config, options: MatchRunConfig) -> int:
    if options.num_envs is not None:
        return min(options.num_envs, options.episodes)
    return max(2, num_envs_at_once(place.sampling, options.episodes) // 2 * 2)


def _play_all(
    players: Sequence[Player], place: Config, num_envs: int, episodes: int, seed: int, stopping: Callable[[], bool]
) -> dict[tuple[int, int], list[Game]]:
    pairs: dict[tuple[int, int], list[Game]] = {}
    env = registry.make_batched(place.run.env, namespace(place), num_envs, is_training=False)
    try:
        if env.num_rows == num_envs:
            raise ValueError(f"{place.run.env} has one agent: nobody can play against another one")
        check_spaces(players, place, env)
        limit_threads(threads_for(env), with_torch=True)
        for first, second in combinations(range(len(players)), 2):
            print(f"{players[first].name} - {players[second].name}", flush=True)
            num_rows = env.num_rows // 2
            actors = (
                make_actor(players[first], env, num_rows, seed),
                make_actor(players[second], env, num_rows, seed + 1),
            )
            games = play_games(*actors, env, num_envs, episodes, seed, stopping)
            if games is None:
                break
            pairs[first, second] = games
    finally:
        env.close()
    return pairs


if __name__ == "__main__":
    sys.exit(main())
