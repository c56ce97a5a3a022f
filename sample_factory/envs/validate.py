"""Looks at an environment before workers make hundreds of it, and at observations before they are learned from.

Knows no adapter's inside: single and multi-agent environments are stepped as they were made, so that a wrong
observation is reported as the environment returned it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np

from sample_factory.config.environment import parse_reward_shaping
from sample_factory.envs.batching import batch_envs, kind_of_env
from sample_factory.envs.contract import BatchedEnv, new_step_arrays
from sample_factory.envs.multi_agent import env_attribute, reset_agents, step_agents
from sample_factory.envs.observations import ObservationWriter, zero_rows
from sample_factory.envs.registry import EnvConfig, create_env
from sample_factory.envs.reward_shaping import RewardShaping, changed, find_reward_shaping
from sample_factory.rl.spaces import MASK_KEY, ActionLayout, KeySpec, action_layout

NUM_STEPS = 20
# Bounds are declared in float32 and often computed in float64; this much beyond them is no mistake.
_BOUND_TOLERANCE = 1e-4


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


class _Probe(NamedTuple):
    """One step of the environment that is looked at."""

    observations: list[dict[str, Any]]  # per row, by key; as declared
    rewards: list[Any]


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
    kind = kind_of_env(name, env)
    if kind in ("single", "multi_agent"):
        keys, actions = _layouts(name, env.observation_space, env.action_space)
        num_agents = int(env_attribute(env, "num_agents", 1)) if kind == "multi_agent" else 1
        steps = _single_steps(env) if kind == "single" else _agent_steps(name, env, num_agents)
    else:
        if kind == "vector":
            _layouts(name, env.single_observation_space, env.single_action_space)
        batched = batch_envs(name, lambda _: env, 1)
        keys, actions, num_agents = batched.keys, batched.actions, batched.num_rows
        steps = _batched_steps(batched)
    _check_steps(name, keys, steps)
    return EnvDescription(name, dict(keys), actions, num_agents)


def _layouts(
    name: str, observation_space: gym.Space[Any], action_space: gym.Space[Any]
) -> tuple[dict[str, KeySpec], ActionLayout]:
    try:
        return ObservationWriter(observation_space).keys, action_layout(action_space)
    except ValueError as error:
        raise ValueError(f"environment {name!r}: {error}") from error


def _check_steps(name: str, keys: Mapping[str, KeySpec], steps: Iterator[_Probe]) -> None:
    for number in range(NUM_STEPS + 1):
        where = "at reset" if number == 0 else f"at step {number}"
        try:
            probe = next(steps)
        except _BadShapeError as error:
            raise ValueError(f"environment {name!r} {where}: {error}") from error
        except Exception as error:
            raise ValueError(f"environment {name!r} raised {type(error).__name__} {where}: {error}") from error
        for row, observation in enumerate(probe.observations):
            for key, spec in keys.items():
                if problem := leaf_problem(spec.space, observation[key]):
                    agent = f" of agent {row}" if len(probe.observations) > 1 else ""
                    raise ValueError(f"environment {name!r} {where}: observation {key!r}{agent} {problem}")
        for reward in probe.rewards:
            if np.ndim(reward) != 0 or not np.isfinite(reward):
                raise ValueError(f"environment {name!r} {where}: the reward {reward!r} is no finite number")


def leaf_problem(space: gym.Space[Any], value: Any) -> str | None:
    """What is wrong with one value of a Box, Discrete, MultiDiscrete or MultiBinary space; None if nothing is."""
    array = np.asarray(value)
    shape = space.shape or ()
    if array.shape != shape:
        return f"has shape {array.shape}, declared {shape}"
    if array.dtype == object or not np.can_cast(array.dtype, np.float64, "same_kind"):
        return f"has dtype {array.dtype}, declared {space.dtype}"
    if np.issubdtype(array.dtype, np.floating):
        if not np.isfinite(array).all():
            return "is not finite"
        if not np.issubdtype(space.dtype, np.floating):
            return f"has dtype {array.dtype}, declared {space.dtype}"
    low, high = _bounds(space)
    slack = _BOUND_TOLERANCE * np.maximum(1.0, np.abs(array)) if np.issubdtype(space.dtype, np.floating) else 0
    if (array < low - slack).any() or (array > high + slack).any():
        lowest, highest = np.min(low), np.max(high)
        return f"has values from {array.min()} to {array.max()}, outside the declared {lowest} to {highest}"
    return None


def _bounds(space: gym.Space[Any]) -> tuple[Any, Any]:
    if isinstance(space, gym.spaces.Box):
        # As float64: arithmetic in a small integer type would wrap around.
        return space.low.astype(np.float64), space.high.astype(np.float64)
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start), int(space.start) + int(space.n) - 1
    if isinstance(space, gym.spaces.MultiDiscrete):
        return space.start, space.start + space.nvec - 1
    return 0, 1


class _BadShapeError(ValueError):
    """What the environment returned does not have the parts that its interface asks for."""


def _single_steps(env: gym.Env[Any, Any]) -> Iterator[_Probe]:
    writer, layout = ObservationWriter(env.observation_space), action_layout(env.action_space)
    env.action_space.seed(0)
    outcome: Any = env.reset(seed=0)
    if not isinstance(outcome, tuple) or len(outcome) != 2:
        raise _BadShapeError("reset must return (observation, info)")
    observation = outcome[0]
    yield _Probe([writer.values(observation)], [])
    while True:
        outcome = env.step(_random_action(layout, observation))
        if not isinstance(outcome, tuple) or len(outcome) != 5:
            raise _BadShapeError("step must return (observation, reward, terminated, truncated, info)")
        observation, reward, terminated, truncated, _ = outcome
        yield _Probe([writer.values(observation)], [reward])
        if terminated or truncated:
            observation = env.reset()[0]


def _agent_steps(name: str, env: Any, num_agents: int) -> Iterator[_Probe]:
    writer, layout = ObservationWriter(env.observation_space), action_layout(env.action_space)
    env.action_space.seed(0)
    observations, rewards = reset_agents(env, 0), [0.0] * num_agents
    while True:
        if len(observations) != num_agents or len(rewards) != num_agents:
            raise _BadShapeError(
                f"returned {len(observations)} observations and {len(rewards)} rewards for {num_agents} agents"
            )
        yield _Probe([writer.values(observation) for observation in observations], list(rewards))
        outcome = step_agents(env, [_random_action(layout, observation) for observation in observations])
        observations, rewards = outcome.observations, list(outcome.rewards)


def _batched_steps(env: BatchedEnv) -> Iterator[_Probe]:
    env.actions.space.seed(0)
    out, result = zero_rows(env.keys, env.num_rows), new_step_arrays(env.num_rows)
    env.reset(0, out)
    while True:
        yield _Probe([_declared(env.keys, out, row) for row in range(env.num_rows)], result.rewards.tolist())
        rows = [{name: array[row] for name, array in out.items()} for row in range(env.num_rows)]
        actions = np.stack([_random_flat_action(env.actions, row) for row in rows])
        env.step(actions, out, result)


def _random_action(layout: ActionLayout, observation: Any) -> Any:
    return layout.decode(_random_flat_action(layout, observation))


def _random_flat_action(layout: ActionLayout, observation: Any) -> np.ndarray:
    """A random action [num_actions] that the observation's action mask, if there is one, allows."""
    flat = layout.encode(layout.space.sample())
    if not isinstance(observation, Mapping) or MASK_KEY not in observation:
        return flat
    mask = np.asarray(observation[MASK_KEY]).reshape(-1)
    column = start = 0
    for part in layout.parts:
        if part.kind == "categorical":
            allowed = np.flatnonzero(mask[start : start + part.size])
            if len(allowed):
                flat[column] = layout.space.np_random.choice(allowed)
            start += part.size
        column += part.num_actions
    return flat


def _declared(keys: Mapping[str, KeySpec], out: Mapping[str, np.ndarray], row: int) -> dict[str, Any]:
    """A stored row as its spaces declare it: integers are stored from 0."""
    values = {}
    for name, spec in keys.items():
        start = getattr(spec.space, "start", 0) if spec.kind == "integer" else 0
        values[name] = spec.row_view(out[name])[row] + start
    return values
