"""The root of all training options and the contradictions between its sections. Does not know the command line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sample_factory.config.checkpoint import CheckpointConfig
from sample_factory.config.environment import EnvConfig
from sample_factory.config.evaluation import EvaluationConfig
from sample_factory.config.learning import LearningConfig
from sample_factory.config.model import ModelConfig
from sample_factory.config.population import PbtConfig, SelfPlayConfig
from sample_factory.config.run import RunConfig
from sample_factory.config.sampling import SamplingConfig
from sample_factory.config.telemetry import TelemetryConfig


@dataclass(frozen=True)
class NoFamilyOptions:
    """Section of an environment family without options of its own."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """Everything that can be chosen about a training run; a component receives its section, never this."""

    run: RunConfig
    env: EnvConfig = field(default_factory=EnvConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    learning: LearningConfig = field(default_factory=LearningConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
    pbt: PbtConfig = field(default_factory=PbtConfig)
    self_play: SelfPlayConfig = field(default_factory=SelfPlayConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    family: Any = field(default_factory=NoFamilyOptions)
    """Frozen dataclass of the environment family, one field per flag."""

    def __post_init__(self) -> None:
        _check_batch_of_whole_trajectories(self)
        _check_recurrence(self)
        _check_cpc(self)
        if self.evaluation.policy_index >= self.sampling.num_policies:
            raise ValueError(
                f"--policy_index={self.evaluation.policy_index} must be less than "
                f"--num_policies={self.sampling.num_policies}"
            )


def _check_batch_of_whole_trajectories(config: Config) -> None:
    if config.learning.batch_size % config.sampling.rollout:
        raise ValueError(
            f"--batch_size={config.learning.batch_size} must be divisible by --rollout={config.sampling.rollout}"
        )


def _check_recurrence(config: Config) -> None:
    rollout, learning, core_custom = config.sampling.rollout, config.learning, config.model.core_custom
    remembers = config.model.use_rnn or core_custom is not None
    if remembers and learning.with_vtrace and learning.recurrence != rollout:
        core = "--use_rnn=True" if core_custom is None else f"--core_custom={core_custom}"
        raise ValueError(
            f"--recurrence={learning.recurrence} must equal --rollout={rollout} with --with_vtrace=True and {core}"
        )
    # V-trace without memory works on whole trajectories and never looks at --recurrence.
    if learning.with_vtrace and not remembers:
        return
    if rollout % learning.recurrence:
        raise ValueError(f"--rollout={rollout} must be divisible by --recurrence={learning.recurrence}")


def _check_cpc(config: Config) -> None:
    learning = config.learning
    if not learning.use_cpc:
        return
    name = "rollout" if learning.with_vtrace else "recurrence"
    length = config.sampling.rollout if learning.with_vtrace else learning.recurrence
    if learning.cpc_forward_steps >= length:
        raise ValueError(
            f"--cpc_forward_steps={learning.cpc_forward_steps} must be less than --{name}={length} "
            f"with --use_cpc=True and --with_vtrace={learning.with_vtrace}"
        )
