"""Options of the dummy sampler, which measures how fast environments alone can go. Know nothing about policies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sample_factory.config.checks import check_positive
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.environment import EnvConfig
from sample_factory.config.run import ExperimentConfig
from sample_factory.config.sampling import available_cores


@dataclass(frozen=True, kw_only=True)
class DummyRunConfig(ExperimentConfig):
    """What to sample and where to write the log."""

    algo: Literal["DUMMY_SAMPLER"] = "DUMMY_SAMPLER"
    """Algorithm."""


@dataclass(frozen=True, kw_only=True)
class DummySamplerConfig:
    """How much to sample, with which processes."""

    num_workers: int = field(default_factory=available_cores)
    """Sampler processes; by default one for each available core."""
    num_envs_per_worker: int = 1
    """Environments stepped by each process."""
    sample_env_frames: int = 2_000_000_000
    """Stop after this many environment frames in total (those skipped by frameskip count)."""
    sample_env_frames_per_worker: int = 1_000_000_000
    """A process stops after this many environment frames."""
    timeout_seconds: int = 600
    """Stop after this many seconds."""
    set_workers_cpu_affinity: bool = True
    """Pin sampler processes to cores."""
    sampler_worker_gpus: tuple[int, ...] = ()
    """Indices of GPUs that sampler processes can see, for environments that render on them."""

    def __post_init__(self) -> None:
        check_positive(self, "num_workers", "num_envs_per_worker", "timeout_seconds")
        check_positive(self, "sample_env_frames", "sample_env_frames_per_worker")
        if any(gpu < 0 for gpu in self.sampler_worker_gpus):
            raise ValueError(f"--sampler_worker_gpus={list(self.sampler_worker_gpus)} must not be negative")


@dataclass(frozen=True, kw_only=True)
class DummyConfig:
    """Everything that can be chosen about a run of the dummy sampler."""

    run: DummyRunConfig
    env: EnvConfig = field(default_factory=EnvConfig)
    sampler: DummySamplerConfig = field(default_factory=DummySamplerConfig)
    family: Any = field(default_factory=NoFamilyOptions)
    """Frozen dataclass of the environment family, one field per flag."""
