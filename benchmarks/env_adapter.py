"""What the Gymnasium adapter adds to an environment: microseconds per CartPole step, plain and through the adapter.

Both are run in turn and the medians are compared, so that a busy machine disturbs both alike. Knows no sampler.

    python benchmarks/env_adapter.py [num_envs]
"""

from __future__ import annotations

import statistics
import sys
import time
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs.contract import BatchedEnv, StepArrays, new_step_arrays
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.registry import make_batched

STEPS = 200
ROUNDS = 31


def plain_loop(envs: list[gym.Env[Any, Any]], actions: np.ndarray) -> float:
    """Seconds for stepping bare environments that keep nothing of what they return."""
    started = time.perf_counter()
    for row in actions.tolist():
        for env, action in zip(envs, row, strict=True):
            _, _, terminated, _, _ = env.step(action)
            if terminated:
                env.reset()
    return time.perf_counter() - started


def adapter_loop(envs: BatchedEnv, out: dict[str, np.ndarray], result: StepArrays, actions: np.ndarray) -> float:
    """Seconds for the same steps through the adapter."""
    started = time.perf_counter()
    for row in actions[:, :, None]:
        envs.step(row, out, result)
    return time.perf_counter() - started


def main(num_envs: int) -> None:
    """Print the two medians and their difference."""
    rng = np.random.default_rng(0)
    bare = [gym.make("CartPole-v1").unwrapped for _ in range(num_envs)]
    for i, env in enumerate(bare):
        env.reset(seed=i)
    batched = make_batched("gym_CartPole-v1", SimpleNamespace(), num_envs)
    out = zero_rows(batched.keys, num_envs)
    result = new_step_arrays(num_envs)
    batched.reset(0, out)
    seconds: dict[str, list[float]] = {"plain loop": [], "adapter": []}
    for _ in range(ROUNDS):
        actions = rng.integers(0, 2, (STEPS, num_envs), dtype=np.int32)
        seconds["plain loop"].append(plain_loop(bare, actions))
        seconds["adapter"].append(adapter_loop(batched, out, result, actions))
    micros = {name: statistics.median(values) / (STEPS * num_envs) * 1e6 for name, values in seconds.items()}
    for name, value in micros.items():
        print(f"{name:12s} {value:6.2f} us per step")
    print(f"{'added':12s} {micros['adapter'] - micros['plain loop']:6.2f} us per step ({num_envs} environments)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 32)
