"""Finding out, before anything starts, what environment and model look like, and whether they work. Knows no arena.

This happens in a process of its own that is then thrown away: the main process stays small, and an environment that
crashes the interpreter gives an error message instead of ending everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from sample_factory.algorithms.appo.plan import Machine
from sample_factory.config.config import Config
from sample_factory.config.learning import LearningConfig
from sample_factory.config.values import namespace
from sample_factory.envs.reward_shaping import RewardShaping
from sample_factory.models import extensions
from sample_factory.rl.spaces import ActionLayout, KeySpec
from sample_factory.sampling.policy import PolicyDescription
from sample_factory.system.cores import available_cores, has_native_bfloat16
from sample_factory.system.registrations import Registrations, only

_LARGE_HIDDEN_SIZE = 256


@dataclass(frozen=True)
class RunFacts:
    """What the plan and the arena need to know."""

    keys: dict[str, KeySpec]
    actions: ActionLayout
    agents_per_env: int
    machine: Machine
    worth_bfloat16: bool
    """Whether the network is large enough for bfloat16 to pay."""
    reward_shaping: RewardShaping | None = None
    """What the environment begins with and may be changed in a run; None if there is nothing."""


def describe_env(config: Config) -> RunFacts:
    """Make one environment, try it, and look at the machine.

    Raises:
        ValueError: the environment or its observations are not what they claim to be.
    """
    from sample_factory.envs.validate import describe

    env = describe(config.run.env, namespace(config))
    check_exploration(config.learning, env.actions)
    has_images = any(key.kind == "image" for key in env.keys.values())
    device = find_device(config.run.device)
    return RunFacts(
        keys=env.keys,
        actions=env.actions,
        agents_per_env=env.num_agents,
        machine=Machine(available_cores(), device, device == "cuda" or has_native_bfloat16(), _num_gpus(device)),
        worth_bfloat16=has_images or config.model.hidden_size >= _LARGE_HIDDEN_SIZE,
        reward_shaping=env.reward_shaping,
    )


def check_exploration(learning: LearningConfig, actions: ActionLayout) -> None:
    """Whether the exploration loss can be computed for these actions.

    Raises:
        ValueError: it cannot.
    """
    continuous = [part.space for part in actions.parts if part.kind != "categorical"]
    if continuous and learning.exploration_loss == "symmetric_kl" and learning.exploration_loss_coeff:
        raise ValueError(
            f"--exploration_loss=symmetric_kl needs discrete actions, and the environment has {continuous[0]}; "
            "use --exploration_loss=entropy"
        )


def find_device(wanted: str) -> Literal["cpu", "cuda"]:
    """The torch device for `--device`; a machine without a usable GPU falls back to the CPU."""
    if wanted == "cpu":
        return "cpu"
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _num_gpus(device: str) -> int:
    if device == "cpu":
        return 0
    import torch

    return torch.cuda.device_count()


def describe_model(
    config: Config,
    facts: RunFacts,
    acting_device: str,
    bfloat16: bool,
    checkpoints: Sequence[Path],
    registrations: Registrations,
) -> PolicyDescription:
    """Build the model once, and compare it with the checkpoints that the run would continue from.

    Raises:
        ValueError: the model cannot be built, a part of it that users registered does not do what it should, or a
            checkpoint is of another architecture.
    """
    from sample_factory.algorithms.appo.model_spec import ModelSpec
    from sample_factory.algorithms.appo.policy import describe_policy
    from sample_factory.models.check import check_model
    from sample_factory.system.checkpoints import CheckpointError, CheckpointStore, describe_mismatch

    spec = ModelSpec(facts.keys, facts.actions, config.model, only(registrations, *extensions.KINDS))
    for directory in checkpoints:
        try:
            found = CheckpointStore(directory, keep=1).load_latest()
        except CheckpointError as error:
            raise ValueError(str(error)) from None
        if found is not None:
            mismatch = describe_mismatch(spec.build().state_dict(), found[0]["model"])
            if mismatch:
                raise ValueError(
                    f"{found[1]} is of another architecture: {mismatch}; use --restart_behavior=restart to start over"
                )
    # Spectral normalisation changes the weights a little in every pass.
    if spec.registrations and not config.model.use_spectral_norm:
        check_model(spec.build(), spec.keys, facts.machine.device, bfloat16)
    return describe_policy(spec, acting_device, bfloat16)
