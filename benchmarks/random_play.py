"""What a random policy reaches: the score that a learned one has to beat.

    python -m benchmarks.random_play --env procgen_coinrun --episodes 320 --options '{"procgen_num_levels": 200}'

Of every row the same number of episodes is counted, from the first on, so that short episodes do not weigh more than
long ones. Knows no policy.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics

import numpy as np

from benchmarks.backends import family_env
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.random_actions import RandomActions

_NUM_ENVS = 32


def main() -> None:
    """Print the mean return and its standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", required=True)
    parser.add_argument("--episodes", type=int, default=320)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--options", type=json.loads, default={}, help="options of the family, as a JSON object")
    args = parser.parse_args()
    env = family_env(args.env, _NUM_ENVS, "auto", **args.options)
    try:
        returns = play(env, math.ceil(args.episodes / env.num_rows), args.seed)
    finally:
        env.close()
    error = statistics.stdev(returns) / math.sqrt(len(returns))
    print(f"{args.env}: random policy {statistics.fmean(returns):.2f} +- {error:.2f}, {len(returns)} episodes")


def play(env: BatchedEnv, episodes_per_row: int, seed: int) -> list[float]:
    """Returns of the first episodes of every row."""
    out, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    actions = RandomActions(env.actions, env.num_rows, seed)
    sums = np.zeros(env.num_rows)
    returns: list[list[float]] = [[] for _ in range(env.num_rows)]
    env.reset(seed, out)
    while min(map(len, returns)) < episodes_per_row:
        infos = env.step(actions.next(out), out, result)
        sums += result.rewards
        for info in infos:
            returns[info.row].append(float(sums[info.row]) + info.lost_reward)
            sums[info.row] = 0.0
    return [value for row in returns for value in row[:episodes_per_row]]


if __name__ == "__main__":
    main()
