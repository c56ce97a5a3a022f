"""Whether the backends of an environment play the same game, and how fast. Knows no sampler.

Every case is made once per backend, with one environment and the same seed, and both get the same random actions.
Printed are the steps with equal observations, the largest and the mean absolute difference of the observations, and
whether all rewards and ends were equal. After an end that only one of them sees, both start anew.

With --speed, printed are steps per second of CPU time with 16 environments in this process, bound to one core: the
backends in turns, median of seven.

    python benchmarks/backends.py [--steps 1000] [--seed 0] [--speed] [case ...]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from sample_factory.config.environment import EnvConfig
from sample_factory.envs import registry
from sample_factory.envs.atari.batch import AtariBatch
from sample_factory.envs.atari.family import make_ale_vector, make_envpool_vector
from sample_factory.envs.atari.rules import Rules
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.observations import zero_rows

MakeEnv = Callable[[int], BatchedEnv]
"""From a number of environments."""
_SPEED_ENVS, _SPEED_ROUNDS, _SPEED_CPU_SEC = 16, 7, 1.0


@dataclass(frozen=True)
class Case:
    """Two environments that ought to be one."""

    name: str
    first: MakeEnv
    second: MakeEnv


class Outcome(NamedTuple):
    """What the comparison of a case found."""

    steps: int
    identical: int
    max_difference: float
    mean_difference: float
    rewards_equal: bool
    ends_equal: bool


def family_env(full_env_name: str, num_envs: int, backend: str, **options: Any) -> BatchedEnv:
    """Environments as their family makes them for training."""
    family = registry.resolve(full_env_name)
    values = vars(EnvConfig()) | (vars(family.options()) if family.options else {})
    values |= family.default_overrides(full_env_name) | {"env_backend": backend} | options
    return registry.make_batched(full_env_name, SimpleNamespace(**values), num_envs)


def family_case(full_env_name: str, **options: Any) -> Case:
    """Both backends of a family, with the same options."""
    return Case(
        " ".join([full_env_name, *(f"{name}={value}" for name, value in options.items())]),
        lambda num_envs: family_env(full_env_name, num_envs, "gymnasium", **options),
        lambda num_envs: family_env(full_env_name, num_envs, "envpool", **options),
    )


def atari_case(game: str, what: str, first: Rules, second: Rules) -> Case:
    """Atari without random no-ops; both backends then start alike where a game has a FIRE button."""
    return Case(
        f"atari_{game} {what}",
        lambda num_envs: AtariBatch(make_ale_vector(game, num_envs, first), first),
        lambda num_envs: AtariBatch(make_envpool_vector(game, num_envs, second), second),
    )


_ALIGNED = Rules(4, 4, 108_000, fires_at_start=True, pools=True)
_SINGLE_FRAMES = Rules(4, 4, 108_000, fires_at_start=True)
CASES = (
    atari_case("pong", "same start", _ALIGNED, _ALIGNED),
    atari_case("breakout", "same start", _ALIGNED, _ALIGNED),
    atari_case("pong", "ale-py without pooling", _SINGLE_FRAMES, _ALIGNED),
    atari_case("breakout", "ale-py without pooling", _SINGLE_FRAMES, _ALIGNED),
    family_case("atari_pong", atari_preset="standard"),
    family_case("atari_breakout", atari_preset="standard"),
)
"""Add yours here."""


def compare(first: BatchedEnv, second: BatchedEnv, num_steps: int, seed: int) -> Outcome:
    """Step both with the same random actions."""
    assert first.keys.keys() == second.keys.keys()
    envs = (first, second)
    outs = [zero_rows(env.keys, 1) for env in envs]
    results = [new_step_arrays(1) for _ in envs]
    first.actions.space.seed(seed)

    def restart() -> None:
        for env, out in zip(envs, outs, strict=True):
            env.reset(seed, out)

    restart()
    differences, rewards_equal, ends_equal = [_difference(*outs)], True, True
    for _ in range(num_steps):
        actions = first.actions.encode(first.actions.space.sample())[None]
        for env, out, result in zip(envs, outs, results, strict=True):
            env.step(actions, out, result)
        differences.append(_difference(*outs))
        one, two = results
        rewards_equal &= bool(np.isclose(one.rewards, two.rewards, rtol=1e-6).all())
        if (one.terminated != two.terminated).any() or (one.truncated != two.truncated).any():
            ends_equal = False
            restart()
    largest, means = np.array(differences).T
    identical = int((largest[1:] == 0).sum())
    return Outcome(num_steps, identical, float(largest.max()), float(means.mean()), rewards_equal, ends_equal)


def _difference(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> tuple[float, float]:
    """Largest and mean absolute difference over all keys."""
    values = [np.abs(first[key].astype(np.float64) - second[key]).reshape(-1) for key in first]
    joined = np.concatenate(values)
    return float(joined.max()), float(joined.mean())


def speed(envs: Sequence[BatchedEnv]) -> list[float]:
    """Steps per second of CPU time of each."""
    outs = [zero_rows(env.keys, env.num_rows) for env in envs]
    for env, out in zip(envs, outs, strict=True):
        env.reset(0, out)
    rates: list[list[float]] = [[] for _ in envs]
    for _ in range(_SPEED_ROUNDS):
        for env, out, found in zip(envs, outs, rates, strict=True):
            found.append(_rate(env, out))
    return [statistics.median(found) for found in rates]


def _rate(env: BatchedEnv, out: dict[str, np.ndarray]) -> float:
    result = new_step_arrays(env.num_rows)
    actions = [
        np.stack([env.actions.encode(env.actions.space.sample()) for _ in range(env.num_rows)]) for _ in range(9)
    ]
    start, steps = time.process_time(), 0
    while (passed := time.process_time() - start) < _SPEED_CPU_SEC:
        env.step(actions[steps % len(actions)], out, result)
        steps += 1
    return steps * env.num_rows / passed


def _print_comparison(case: Case, envs: Sequence[BatchedEnv], num_steps: int, seed: int) -> None:
    outcome = compare(envs[0], envs[1], num_steps, seed)
    equal = ["equal" if same else "differ" for same in (outcome.rewards_equal, outcome.ends_equal)]
    print(
        f"{case.name:44s} {outcome.steps:9d} {outcome.identical:9d} {outcome.max_difference:9.4g} "
        f"{outcome.mean_difference:9.4g} {equal[0]:>9s} {equal[1]:>9s}",
        flush=True,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per case."""
    parser = argparse.ArgumentParser(description="Compare the backends of environments.")
    parser.add_argument("cases", nargs="*", metavar="case", help="only cases whose name begins so")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", action="store_true")
    options = parser.parse_args(arguments)
    if options.speed and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    columns = ["steps", "identical", "max diff", "mean diff", "rewards", "ends"]
    if options.speed:
        columns = ["gymnasium", "envpool"]
    print(f"{'case':44s} " + " ".join(f"{column:>9s}" for column in columns))
    for case in CASES:
        if options.cases and not case.name.startswith(tuple(options.cases)):
            continue
        envs = [make(_SPEED_ENVS if options.speed else 1) for make in (case.first, case.second)]
        try:
            if options.speed:
                print(f"{case.name:44s} " + " ".join(f"{rate:9.0f}" for rate in speed(envs)), flush=True)
            else:
                _print_comparison(case, envs, options.steps, options.seed)
        finally:
            for env in envs:
                env.close()


if __name__ == "__main__":
    main()
