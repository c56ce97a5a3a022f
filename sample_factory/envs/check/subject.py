"""The environment that is checked, as a process of its own gets it, and what it looks like. Knows no rule."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory.envs import registry
from sample_factory.envs.batching import batch_envs, kind_of_env
from sample_factory.envs.contract import BatchedEnv
from sample_factory.rl.spaces import ActionLayout, KeySpec
from sample_factory.system.registrations import Registrations, restore


@dataclass(frozen=True)
class Subject:
    """Picklable: makes the environment wherever it is wanted."""

    name: str
    options: SimpleNamespace
    """All options by flag name."""
    registrations: Registrations
    """What was registered in the main process."""
    modules: tuple[str, ...]
    """To be imported first."""
    seed: int

    def enter(self) -> None:
        """Make the environment known to this process."""
        for module in self.modules:
            importlib.import_module(module)
        restore(self.registrations)

    def make(self, number: int, num_envs: int = 1, index: int = 0) -> Any:
        """Environment number `index` of the group of worker `number`, as its family makes it."""
        place = registry.EnvConfig(
            worker_index=number,
            vector_index=index,
            env_id=number * num_envs + index,
            num_envs=num_envs,
            is_training=True,
        )
        return registry.create_env(self.name, self.options, place)

    def make_batch(self, number: int, num_envs: int, first: Any = None) -> BatchedEnv:
        """The group of worker `number`; `first` is what `make` has made of it already, if anything."""

        def make(index: int) -> Any:
            return first if index == 0 and first is not None else self.make(number, num_envs, index)

        return batch_envs(self.name, make, num_envs)


@dataclass(frozen=True)
class Facts:
    """What an environment looks like, in words."""

    family: str
    backend: str
    observations: tuple[str, ...]
    actions: str
    agents: int
    is_native: bool
    """All environments of a group are stepped in one call."""


def describe_facts(subject: Subject, env: Any, keys: dict[str, KeySpec], actions: ActionLayout, agents: int) -> Facts:
    """Put into words what `env`, one environment or a batch of them, looks like."""
    family = registry.resolve(subject.name)
    kind = kind_of_env(subject.name, env)
    is_native = kind in ("batched", "vector")
    inner = env.unwrapped if isinstance(env, gym.Env | gym.vector.VectorEnv) else env
    how = "all of a worker in one call" if is_native else "one after another"
    choice = f"; --env_backend={subject.options.env_backend}" if family.backends else ""
    return Facts(
        family=family.prefix,
        backend=f"{type(inner).__name__} of {type(inner).__module__.split('.')[0]}, {how}{choice}",
        observations=tuple(f"{name}: {_key_in_words(spec)}" for name, spec in keys.items()),
        actions=" ".join(str(actions.space).split()),
        agents=agents,
        is_native=is_native,
    )


def _key_in_words(spec: KeySpec) -> str:
    words = f"{spec.kind} {spec.shape} {spec.dtype}"
    if spec.kind == "integer":
        return f"{words}, {'x'.join(map(str, spec.categories))} values"
    if isinstance(spec.space, gym.spaces.Box):
        words += f", {np.min(spec.space.low):.6g} to {np.max(spec.space.high):.6g}"
    return f"{words}, declared {spec.space.shape}" if spec.space.shape != spec.shape else words
