"""How many steps per second Doom environments make on one core, stepped in turn. Knows nothing of learning.

    python -m benchmarks.doom_env --cpu 0 --envs 1 4 16
    python -m benchmarks.doom_env --cpu 0 --parts

Prints one line per number of environments, or with --parts how much of a step is the engine's `make_action` and how
much is ours. Frames are tics of the game (steps times frameskip). "others" is the share of the core that other
processes took meanwhile: above a few percent the numbers are not worth keeping.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any

import numpy as np
import psutil

from sample_factory.envs.doom.env import DoomEnv
from sample_factory.envs.doom.specs import doom_spec
from sample_factory.envs.observations import zero_rows
from sample_factory.rl.spaces import observation_keys

_NUM_ACTIONS = 4096  # drawn beforehand: sampling from a space costs as much as a step's Python part
_WARM_UP_STEPS = 100


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="doom_benchmark_shipped")
    parser.add_argument("--envs", type=int, nargs="+", default=[1, 4, 16], help="numbers of environments")
    parser.add_argument("--cpu", type=int, default=0, help="the core on which this process and its engines run")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of one measurement")
    parser.add_argument("--parts", action="store_true", help="what a step of one environment consists of")
    args = parser.parse_args()
    os.sched_setaffinity(0, {args.cpu})
    if args.parts:
        print(measure_parts(args.env, args.cpu, args.seconds), flush=True)
        return
    for num_envs in args.envs:
        print(measure(args.env, num_envs, args.cpu, args.seconds), flush=True)


def measure(name: str, num_envs: int, cpu: int, seconds: float) -> str:
    """One line of results."""
    envs = [DoomEnv(doom_spec(name)) for _ in range(num_envs)]
    rows = zero_rows(observation_keys(envs[0].observation_space), num_envs)
    outs = [{name: array[i] for name, array in rows.items()} for i in range(num_envs)]
    envs[0].action_space.seed(0)
    actions = [envs[0].action_space.sample() for _ in range(_NUM_ACTIONS)]
    try:
        for seed, (env, out) in enumerate(zip(envs, outs, strict=True)):
            env.reset_into(seed, out)
        _play(envs, outs, actions, time.perf_counter(), min_steps=_WARM_UP_STEPS * num_envs)
        core, own, start = _busy_sec(cpu), _own_sec(), time.perf_counter()
        steps = _play(envs, outs, actions, start + seconds)
        wall = time.perf_counter() - start
        others = max(0.0, (_busy_sec(cpu) - core) - (_own_sec() - own)) / wall
    finally:
        for env in envs:
            env.close()
    frames = steps * envs[0].frames_per_step / wall
    return (
        f"{name} x{num_envs}: {steps / wall:,.0f} steps/s = {frames:,.0f} frames/s, others {others:.1%} of core {cpu}"
    )


def measure_parts(name: str, cpu: int, seconds: float) -> str:
    """One line: microseconds of a step inside and outside of `make_action`; starts of episodes are left out."""
    env = DoomEnv(doom_spec(name))
    rows = zero_rows(observation_keys(env.observation_space), 1)
    out = {key: array[0] for key, array in rows.items()}
    env.action_space.seed(0)
    actions = [env.action_space.sample() for _ in range(_NUM_ACTIONS)]
    try:
        env.reset_into(0, out)
        _play([env], [out], actions, time.perf_counter(), min_steps=_WARM_UP_STEPS)
        assert env._game is not None
        game = _TimedGame(env._game.api)
        env._game.api = game  # type: ignore[assignment]
        core, own, start = _busy_sec(cpu), _own_sec(), time.perf_counter()
        steps, stepping = 0, 0.0
        while time.perf_counter() < start + seconds:
            before = time.perf_counter()
            _, terminated, truncated, _ = env.step_into(actions[steps % _NUM_ACTIONS], out)
            stepping += time.perf_counter() - before
            steps += 1
            if terminated or truncated:
                env.reset_into(None, out)
        others = max(0.0, (_busy_sec(cpu) - core) - (_own_sec() - own)) / (time.perf_counter() - start)
    finally:
        env.close()
    engine = game.seconds / steps * 1e6
    ours = stepping / steps * 1e6 - engine
    return f"{name}: make_action {engine:.1f} us, the rest of a step {ours:.1f} us, others {others:.1%} of core {cpu}"


class _TimedGame:
    """A game whose `make_action` is timed."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self.seconds = 0.0

    def make_action(self, buttons: list[float], tics: int) -> float:
        before = time.perf_counter()
        reward: float = self._api.make_action(buttons, tics)
        self.seconds += time.perf_counter() - before
        return reward

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._api, name)
        setattr(self, name, value)  # looked up once: passing calls on must not count as part of a step
        return value


def _play(
    envs: list[DoomEnv], outs: list[dict[str, np.ndarray]], actions: list[Any], until: float, min_steps: int = 0
) -> int:
    steps = 0
    while steps < min_steps or time.perf_counter() < until:
        for env, out in zip(envs, outs, strict=True):
            _, terminated, truncated, _ = env.step_into(actions[steps % _NUM_ACTIONS], out)
            steps += 1
            if terminated or truncated:
                env.reset_into(None, out)
    return steps


def _busy_sec(cpu: int) -> float:
    times = psutil.cpu_times(percpu=True)[cpu]
    return float(times.user + times.nice + times.system + times.irq + times.softirq)


def _own_sec() -> float:
    this = psutil.Process()
    return sum(float(sum(process.cpu_times()[:2])) for process in (this, *this.children()))


if __name__ == "__main__":
    main()
