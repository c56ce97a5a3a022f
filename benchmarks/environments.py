"""Makes the environments of a case. Knows no case."""

from __future__ import annotations

from benchmarks.backends import family_env
from benchmarks.cases.work import Backend
from sample_factory.envs.contract import BatchedEnv


def make_env(backend: Backend, num_envs: int) -> BatchedEnv:
    """As for training."""
    options = dict(backend.options)
    return family_env(backend.env, num_envs, options.pop("env_backend", "auto"), **options)
