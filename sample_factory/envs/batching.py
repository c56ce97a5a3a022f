"""Makes a batched environment of whatever a factory returns. Knows the adapters, no family and no registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import gymnasium as gym

from sample_factory.envs.contract import BatchedEnv
from sample_factory.envs.gymnasium_list import GymnasiumList
from sample_factory.envs.multi_agent import MultiAgentList, env_attribute
from sample_factory.envs.vector_env import VectorEnvAdapter

EnvKind = Literal["batched", "vector", "multi_agent", "single"]


def kind_of_env(name: str, env: Any) -> EnvKind:
    """Which interface an environment has.

    Raises:
        ValueError: none that can be batched.
    """
    if all(hasattr(env, attribute) for attribute in ("num_rows", "keys", "actions", "step")):
        return "batched"
    if isinstance(env, gym.vector.VectorEnv):
        return "vector"
    if env_attribute(env, "is_multiagent", False) or env_attribute(env, "num_agents", 1) > 1:
        return "multi_agent"
    if isinstance(env, gym.Env):
        return "single"
    raise ValueError(
        f"environment {name!r} is a {type(env).__module__}.{type(env).__name__}, which is neither a gymnasium Env or "
        "VectorEnv, nor a batched or a multi-agent environment"
    )


def batch_envs(name: str, make: Callable[[int], Any], num_envs: int) -> BatchedEnv:
    """Batch `num_envs` environments; `make(i)` makes number i, and `make(0)` may return all of them at once.

    Raises:
        ValueError: what `make` returns cannot be batched, or is a batch of the wrong size.
    """
    first = make(0)
    kind = kind_of_env(name, first)
    if kind == "single":
        return GymnasiumList(name, make, num_envs, first)
    if kind == "multi_agent":
        return MultiAgentList(name, make, num_envs, first)
    check_size(name, first, num_envs)
    batched: BatchedEnv = first if kind == "batched" else VectorEnvAdapter(name, first)
    return batched


def check_size(name: str, env: Any, num_envs: int) -> None:
    """Whether a natively batched environment has the rows that it was asked for.

    Raises:
        ValueError: it has not; the environment is closed.
    """
    kind = kind_of_env(name, env)
    if kind not in ("batched", "vector"):
        return
    rows = int(env.num_rows if kind == "batched" else env.num_envs)
    if rows % num_envs or (kind == "vector" and rows != num_envs):
        env.close()
        raise ValueError(f"environment {name!r} was asked for env_config.num_envs={num_envs} and made {rows} rows")
