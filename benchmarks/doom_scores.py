"""Do Doom environments play as they did elsewhere? Seeded random episodes, compared with published random scores.

    python -m benchmarks.doom_scores --episodes 60 --out doom_scores.json

For every environment: mean return and length, and by how many standard errors they differ from the reference. Knows no
policy.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.specs import SPECS

_FRAMESKIP = 4
_SUSPICIOUS = 3.0


class Reference(NamedTuple):
    """Scores of a random policy in the original environments, frameskip 4, 60 episodes."""

    mean: float
    deviation: float
    tics: float | None = None
    own_scenario: bool = False  # the map is our own: of the same kind, not the same


REFERENCES = {
    "doom_basic": Reference(-1.46, 1.96, 136),
    "doom_my_way_home": Reference(-0.21, 0.0),
    "doom_deadly_corridor": Reference(-0.14, 1.05),
    "doom_defend_the_center": Reference(0.60, 1.1, 347),
    "doom_defend_the_line": Reference(8.95, 4.2, 584),
    "doom_health_gathering": Reference(4.96, 1.6, 437),
    "doom_health_gathering_supreme": Reference(4.29, 0.99, 390),
    "doom_battle": Reference(1.49, 1.3, 669, own_scenario=True),
    "doom_battle2": Reference(0.73, 0.93, 961, own_scenario=True),
}


class Scores(NamedTuple):
    """Random episodes of one environment; returns as the agent is paid, or the kills where extra rewards are paid."""

    returns: list[float]
    tics: list[int]


def play(name: str, num_episodes: int, seed: int) -> Scores:
    """Play random episodes, each with an engine of its own seed."""
    scores = Scores([], [])
    with closing(DoomEnv(SPECS[name], frameskip=_FRAMESKIP)) as env:
        env.action_space.seed(seed)
        for episode in range(num_episodes):
            env.reset(seed=seed + episode)
            info: dict[str, Any] = {}
            paid, ended = 0.0, False
            while not ended:
                _, reward, terminated, truncated, info = env.step(env.action_space.sample())
                paid, ended = paid + reward, terminated or truncated
            assert env._game is not None
            scores.returns.append(info["true_objective"] if SPECS[name].shaping else paid)
            scores.tics.append(env._game.api.get_episode_time() - SPECS[name].start_tic)
    return scores


def difference(scores: Scores, reference: Reference) -> float:
    """Standard errors between the mean returns; 0 if neither varies and both are equal to two digits."""
    count = len(scores.returns)
    variance = (statistics.pvariance(scores.returns) + reference.deviation**2) / count
    gap = statistics.fmean(scores.returns) - reference.mean
    if variance < 1e-6:
        return 0.0 if abs(gap) < 0.005 else math.inf
    return gap / math.sqrt(variance)


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table; 1 if an environment with the original map scores otherwise."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--envs", nargs="+", choices=REFERENCES, default=list(REFERENCES))
    parser.add_argument("--episodes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args(argv)
    rows: list[dict[str, Any]] = []
    for name in arguments.envs:
        rows.append(_row(name, play(name, arguments.episodes, arguments.seed)))
        print("{env:32} {mean:7.2f} ({deviation:.2f}), {tics:6.1f} tics   {verdict}".format(**rows[-1]), flush=True)
    if arguments.out:
        arguments.out.write_text(json.dumps(rows, indent=2))
    return int(any(row["verdict"].startswith("DIFFERS") for row in rows))


def _row(name: str, scores: Scores) -> dict[str, Any]:
    reference = REFERENCES[name]
    errors = difference(scores, reference)
    verdict = f"{errors:+.1f} standard errors from {reference.mean} ({reference.deviation})"
    if reference.tics is not None:
        verdict += f", {reference.tics:g} tics"
    if reference.own_scenario:
        verdict += "; the original has another map"
    elif abs(errors) > _SUSPICIOUS:
        verdict = f"DIFFERS: {verdict}"
    return {
        "env": name,
        "mean": statistics.fmean(scores.returns),
        "deviation": statistics.pstdev(scores.returns),
        "tics": statistics.fmean(scores.tics),
        "verdict": verdict,
    }


if __name__ == "__main__":
    sys.exit(main())
