"""Looks at an environment before workers make hundreds of it, and at observations before they are learned from.

Knows none of the rules; `sample_factory.envs.check` has more of them, and takes more time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from sample_factory.config.environment import parse_reward_shaping
from sample_factory.envs.batching import check_size
from sample_factory.envs.probe import Seen, masks
from sample_factory.envs.probes import open_probe
from sample_factory.envs.random_actions import RandomActions
from sample_factory.envs.registry import EnvConfig, create_env
from sample_factory.envs.reward_shaping import RewardShaping, changed, find_reward_shaping
from sample_factory.envs.rules import BrokenRuleError
from sample_factory.rl.spaces import ActionLayout, KeySpec

NUM_STEPS = 20


@dataclass(frozen=True)
class EnvDescription:
    """What the engine and the model must know about an environment."""

    full_env_name: str
    keys: dict[str, KeySpec]
    actions: ActionLayout
    num_agents: int
    """Rows per environment."""
    reward_shaping: RewardShaping | None = None
    """What may be changed while it runs, with the values of `--reward_shaping`; None if there is nothing."""


class BadValue(NamedTuple):
    """Where a block of observations holds NaN or infinity."""

    key: str
    step: int
    row: int


def describe(full_env_name: str, cfg: Any) -> EnvDescription:
    """Make an environment, take `NUM_STEPS` random steps in it, and say what it looks like.

    Raises:
        ValueError: in one line, what is wrong with the environment.
    """
    env = create_env(
        full_env_name, cfg, EnvConfig(worker_index=0, vector_index=0, env_id=0, num_envs=1, is_training=True)
    )
    try:
        description = _describe(full_env_name, env)
        shaping = find_reward_shaping(env)
        if shaping is None:
            return description
        option = parse_reward_shaping(getattr(cfg, "reward_shaping", ""))
        return replace(description, reward_shaping=changed(shaping, option))
    finally:
        env.close()


def check_block(keys: Mapping[str, KeySpec], observations: Mapping[str, np.ndarray]) -> BadValue | None:
    """The first place in a block that is not finite, or None; `observations[key]` is [steps, rows, *shape]."""
    for name in keys:
        values = observations[name]
        if not np.issubdtype(values.dtype, np.floating):
            continue
        with np.errstate(over="ignore", invalid="ignore"):
            # One pass without a temporary: a sum is finite only if every term is (but it may overflow).
            if np.isfinite(values.sum()):
                continue
        bad = ~np.isfinite(values).reshape(*values.shape[:2], -1).all(axis=-1)
        if bad.any():
            step, row = (int(index) for index in np.argwhere(bad)[0])
            return BadValue(name, step, row)
    return None


def _describe(name: str, env: Any) -> EnvDescription:
    check_size(name, env, 1)
    try:
        probe = open_probe(name, env)
    except BrokenRuleError as error:
        raise ValueError(f"environment {name!r}: {error}") from error
    actions = RandomActions(probe.actions, probe.num_rows, seed=0)
    seen: Seen | None = None
    for number in range(NUM_STEPS + 1):
        where = "at reset" if number == 0 else f"at step {number}"
        try:
            seen = probe.reset(0) if seen is None else probe.step(actions.next(masks(seen)))
        except BrokenRuleError as error:
            raise ValueError(f"environment {name!r} {where}: {error}") from error
        except Exception as error:
            raise ValueError(f"environment {name!r} raised {type(error).__name__} {where}: {error}") from error
        for finding in seen.findings:
            if finding.severity == "fatal":
                raise ValueError(f"environment {name!r} {where}: {finding.problem}")
    return EnvDescription(name, dict(probe.keys), probe.actions, probe.num_rows)
