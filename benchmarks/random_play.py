"""What a random policy reaches, alone or as the opponent of a trained one.

    python -m benchmarks.random_play --env procgen_coinrun --episodes 320 --options '{"procgen_num_levels": 200}'
    python -m benchmarks.random_play --env doom_duel --episodes 20 --train_dir DIR --experiment duel

Alone: its mean return, with the standard error. Against an experiment: each environment has both, in half of the
environments in swapped seats; printed are the wins and what both score on average.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.backends import family_env
from sample_factory.algorithms.appo.episodes import Episode, estimate
from sample_factory.algorithms.appo.evaluation_batch import Actor, play_episodes
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.trained_policy import load_checkpoint, make_trained_policy
from sample_factory.config.experiment import experiment_dir
from sample_factory.envs.contract import BatchedEnv
from sample_factory.envs.random_actions import RandomActions
from sample_factory.sampling.threads import limit_threads


class RandomPolicy:
    """An `Actor` that looks at nothing."""

    def __init__(self, env: BatchedEnv, seed: int) -> None:
        self._actions = RandomActions(env.actions, env.num_rows, seed)

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Random actions."""
        return self._actions.next(obs)

    def forget(self, rows: np.ndarray) -> None:
        """There is nothing to forget."""


class TwoPolicies:
    """An `Actor` for the rows [num_rows] of `is_first`, and another one for the others."""

    def __init__(self, first: Actor, second: Actor, is_first: np.ndarray) -> None:
        self._first, self._second, self._is_first = first, second, is_first[:, None]

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Both see all rows; each row gets the action of its own."""
        return np.where(self._is_first, self._first.act(obs), self._second.act(obs))

    def forget(self, rows: np.ndarray) -> None:
        """Both forget."""
        self._first.forget(rows)
        self._second.forget(rows)


def main() -> None:
    """Print one line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", required=True)
    parser.add_argument("--episodes", type=int, default=320)
    parser.add_argument("--num_envs", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", type=json.loads, default={}, help="options of the family, as a JSON object")
    parser.add_argument("--train_dir", help="where the experiment is")
    parser.add_argument("--experiment", help="the opponent, in an environment of several agents")
    parser.add_argument("--out", type=Path, help="JSON file for the share of matches won (a tie is half a win)")
    args = parser.parse_args()
    num_envs = min(args.num_envs, args.episodes)
    env = family_env(args.env, num_envs, "auto", **args.options)
    limit_threads(1, with_torch=True)  # several evaluations at once must not wait for each other's threads
    try:
        actor: Actor = RandomPolicy(env, args.seed)
        is_trained = np.zeros(env.num_rows, np.bool_)
        if args.experiment:
            is_trained = _seats(num_envs, env.num_rows // num_envs)
            actor = TwoPolicies(_trained(args.env, args.train_dir, args.experiment, env, args.seed), actor, is_trained)
        episodes = play_episodes(env, actor, num_envs, args.episodes, args.seed, stopping=lambda: False)
    finally:
        env.close()
    assert episodes is not None
    if args.experiment:
        line, shares = _compared(args.experiment, episodes, is_trained, num_envs)
        print(line)
        if args.out:
            won = estimate(shares)
            args.out.write_text(json.dumps({"mean": won.mean, "standard_error": won.standard_error}))
    else:
        print(f"{args.env}: random policy {_described(episodes)}, {len(episodes)} episodes")


def _seats(num_envs: int, num_agents: int) -> np.ndarray:
    """[num_envs * num_agents] bool: one agent of each environment is trained, each seat equally often."""
    return np.concatenate([np.arange(num_agents) == env % num_agents for env in range(num_envs)])


def _trained(env_name: str, train_dir: str, experiment: str, env: BatchedEnv, seed: int) -> Actor:
    config = parse_evaluation_options([f"--env={env_name}", f"--train_dir={train_dir}", f"--experiment={experiment}"])
    checkpoint = load_checkpoint(experiment_dir(config.run), 0, "latest")
    return make_trained_policy(config, checkpoint, env.keys, env.actions, env.num_rows, seed)


def _compared(
    experiment: str, episodes: Sequence[Episode], is_trained: np.ndarray, num_envs: int
) -> tuple[str, list[float]]:
    """One line, and of each match 1 for a win of the trained policy, 0.5 for a tie and 0 for a loss."""
    agents = len(is_trained) // num_envs
    best: dict[tuple[int, int], list[Episode]] = {}
    for episode in episodes:
        best.setdefault((episode.row // agents, episode.number), []).append(episode)
    shares = []
    for players in best.values():
        mine, others = [
            max(_score(player) for player in players if is_trained[player.row] == trained) for trained in (True, False)
        ]
        shares.append(1.0 if mine > others else 0.5 if mine == others else 0.0)
    of_trained = [episode for episode in episodes if is_trained[episode.row]]
    of_random = [episode for episode in episodes if not is_trained[episode.row]]
    counts = f"{shares.count(1.0)} wins, {shares.count(0.5)} ties, {shares.count(0.0)} losses against a random policy"
    return f"{experiment}: {counts}; {_described(of_trained)} against {_described(of_random)}", shares


def _score(episode: Episode) -> float:
    """Frags, in a match; else what the episode is judged by."""
    if "frags" in episode.extra:
        return episode.extra["frags"]
    return episode.reward if episode.true_objective is None else episode.true_objective


def _described(episodes: Sequence[Episode]) -> str:
    found = estimate([_score(episode) for episode in episodes])
    return f"{found.mean:.2f} +- {found.standard_error:.2f}"


if __name__ == "__main__":
    main()
