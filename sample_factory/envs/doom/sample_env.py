"""Entry point: `python -m sample_factory.envs.doom.sample_env --env=doom_basic`, an environment played at random.

Knows no policy.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from sample_factory.config.checks import check_at_least, check_positive
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.environment import EnvConfig
from sample_factory.config.values import namespace
from sample_factory.envs.batching import batch_envs
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.doom.game import TICS_PER_SEC, has_display
from sample_factory.envs.observations import zero_rows
from sample_factory.envs.options import parse_env_options
from sample_factory.envs.random_actions import RandomActions
from sample_factory.envs.registry import create_env
from sample_factory.system.process import interrupt_flag


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """What to play, and for how long."""

    env: str
    """Full name of the environment (doom_basic)."""
    num_episodes: int = 10
    """Episodes of each agent."""
    seed: int = 0
    """Seed of the environment and of the actions."""
    # `bare` options may be given without a value.
    no_render: bool = field(default=False, metadata={"bare": True})
    """Do not open a window, even if there is a display; then the speed is that of the environment."""
    fps: int = TICS_PER_SEC
    """Tics per second in the window; 0 does not wait."""
    import_module: tuple[str, ...] = ()
    """Modules to import first, because they register environments."""

    def __post_init__(self) -> None:
        check_positive(self, "num_episodes")
        check_at_least(self, 0, "seed", "fps")


@dataclass(frozen=True, kw_only=True)
class SampleConfig:
    """Everything that can be chosen about playing at random."""

    run: SampleOptions
    env: EnvConfig = field(default_factory=EnvConfig)
    family: Any = field(default_factory=NoFamilyOptions)


class Episode(NamedTuple):
    """One episode of one agent."""

    total_reward: float
    num_steps: int


def main(argv: Sequence[str] | None = None) -> int:
    """Play and print; the exit status is 1 after a mistake of the user, 2 if interrupted."""
    signals: list[int] = []
    try:
        config = parse_env_options(sys.argv[1:] if argv is None else list(argv), SampleConfig)
        env = batch_envs(config.run.env, lambda _: _make(config), 1)
        try:
            with interrupt_flag(signals.append):
                _sample(env, config.run, lambda: bool(signals))
        finally:
            env.close()
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 2 if signals else 0


def _make(config: SampleConfig) -> Any:
    shows = has_display() and not config.run.no_render
    return create_env(config.run.env, namespace(config), None, "human" if shows else None)


def _sample(env: BatchedEnv, options: SampleOptions, stopping: Callable[[], bool]) -> None:
    obs, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    actions = RandomActions(env.actions, env.num_rows, options.seed)
    rewards, steps = np.zeros(env.num_rows), np.zeros(env.num_rows, np.int64)
    episodes: list[Episode] = []
    num_steps, num_frames = 0, 0
    env.reset(options.seed, obs)
    started = time.perf_counter()
    while len(episodes) < options.num_episodes * env.num_rows and not stopping():
        ended = env.step(actions.next(obs), obs, result)
        rewards += result.rewards
        steps += result.valid
        num_steps, num_frames = num_steps + int(result.valid.sum()), num_frames + int(result.frames.sum())
        for row in (info.row for info in ended):
            episodes.append(Episode(float(rewards[row]), int(steps[row])))
            rewards[row], steps[row] = 0, 0
            agent = f", agent {row}" if env.num_rows > 1 else ""
            number = (len(episodes) - 1) // env.num_rows
            print(f"episode {number}{agent}: reward {episodes[-1].total_reward:.3f}, {episodes[-1].num_steps} steps")
    seconds = time.perf_counter() - started
    if episodes:
        print(_summary(episodes))
    print(f"{num_steps / seconds:.0f} steps per second, {num_frames / seconds:.0f} frames per second", flush=True)


def _summary(episodes: Sequence[Episode]) -> str:
    rewards, steps = (np.array(values, np.float64) for values in zip(*episodes, strict=True))
    return (
        f"{len(episodes)} episodes: reward {rewards.mean():.3f} (standard deviation {rewards.std():.3f}), "
        f"length {steps.mean():.1f} (standard deviation {steps.std():.1f}) steps"
    )


if __name__ == "__main__":
    sys.exit(main())
