"""Environments in bare loops with random actions, a pinned process for each core. Knows neither sampler nor peer.

    python -m benchmarks.loops --env atari_breakout --num_envs 16 --options '{"env_backend": "envpool"}'

What a sampler can reach at best. Environments that are made one by one write their observations into rows, as they do
for the sampler; native batches are stepped as they are.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.cases.work import Backend
from benchmarks.environments import make_env
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.random_actions import RandomActions
from sample_factory.system.cores import available_cores

_PRINT_SEC = 2.0


def main() -> None:
    """Print a counter until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", required=True)
    parser.add_argument("--num_envs", type=int, required=True, help="of each process")
    parser.add_argument("--options", type=json.loads, default={}, help="options of the family, as a JSON object")
    args = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    cores = available_cores()
    counters = context.Array("q", len(cores), lock=False)  # each process writes its own
    workers = [
        context.Process(target=run_loop, args=(args.env, args.num_envs, args.options, core, i, counters), daemon=True)
        for i, core in enumerate(cores)
    ]
    for worker in workers:
        worker.start()
    while all(worker.is_alive() for worker in workers):
        time.sleep(_PRINT_SEC)
        # Only once all are at work: before that, some have a core to themselves that they will have to share.
        print(f"Total num frames: {sum(counters) if all(counters) else 0}", flush=True)
    raise SystemExit("a loop has ended")


def run_loop(name: str, num_envs: int, options: Mapping[str, Any], core: int, index: int, counters: Any) -> None:
    """Step for ever; `counters[index]` is the number of frames so far."""
    os.sched_setaffinity(0, {core})
    env = make_env(Backend(name, options), num_envs)
    for frames in frames_of_steps(env, seed=index):
        counters[index] += frames


def frames_of_steps(env: BatchedEnv, seed: int) -> Iterator[int]:
    """Steps the environment each time that a value is taken: the frames of that step."""
    if isinstance(env, GymnasiumList) and all(hasattr(one, "step_into") for one in env.envs):
        return _frames_of_single_steps(env, seed)
    return _frames_of_batched_steps(env, seed)


def _frames_of_batched_steps(env: BatchedEnv, seed: int) -> Iterator[int]:
    out, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    actions = RandomActions(env.actions, env.num_rows, seed)
    env.reset(seed, out)
    while True:
        env.step(actions.next(out), out, result)
        yield int(result.frames.sum())


def _frames_of_single_steps(envs: GymnasiumList, seed: int) -> Iterator[int]:
    rows = zero_rows(envs.keys, envs.num_rows)
    outs = [{key: array[i] for key, array in rows.items()} for i in range(envs.num_rows)]
    members: list[Any] = list(envs.envs)
    # Drawn beforehand: sampling from a space costs as much as a step's Python part.
    actions = [[envs.actions.space.sample() for _ in members] for _ in range(500)]
    for i, (env, out) in enumerate(zip(members, outs, strict=True)):
        env.reset_into(seed * len(members) + i, out)
    while True:
        for chosen in actions:
            for env, out, action in zip(members, outs, chosen, strict=True):
                _, terminated, truncated, _ = env.step_into(action, out)
                if terminated or truncated:
                    env.reset_into(None, out)
            yield sum(env.frames_per_step for env in members)


if __name__ == "__main__":
    main()
