"""Options of exporting a trained policy. Know nothing about how it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sample_factory.config.checks import check_at_least, check_choices, check_positive
from sample_factory.config.config import NoFamilyOptions
from sample_factory.config.run import ExperimentConfig, default_train_dir


@dataclass(frozen=True, kw_only=True)
class ExportRunConfig:
    """A folder with one trained policy and policy.json, which says how to act with it.

    A policy in ONNX or TorchScript is tried out in its environment beside the original, and nothing is left if they
    differ. Safetensors are the weights alone, with cfg.json: such a folder in train_dir is an experiment to evaluate.
    """

    format: Literal["onnx", "torchscript", "safetensors"]
    """What to write."""
    env: str | None = None
    """Environment to try it out in; None is the one in which it was trained."""
    experiment: str = ExperimentConfig.experiment
    """Name of the experiment folder."""
    experiments_root: str | None = None
    """Folder inside train_dir in which the experiment is."""
    train_dir: str = field(default_factory=default_train_dir)
    """Root folder of all experiments."""
    policy_index: int | None = None
    """Which policy of a population; None is the first, or the one that an exported experiment holds."""
    load_checkpoint_kind: Literal["latest", "best"] = "latest"
    """Which checkpoint of the policy."""
    output: str | None = None
    """Folder to write, which must not exist; None is exported/<checkpoint>_p<policy>_<format> in the experiment."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Of the weights in safetensors; bfloat16 halves the file, and rounds encoders and cores as inference may do."""
    check_steps: int = 300
    """Steps of the environment, two at once, in which the exported policy must act like the original."""
    import_module: tuple[str, ...] = ()
    """Modules to import first, because they register environments or parts of models."""

    def __post_init__(self) -> None:
        check_positive(self, "check_steps")
        if self.policy_index is not None:
            check_at_least(self, 0, "policy_index")
        if self.precision != "float32" and self.format != "safetensors":
            raise ValueError(f"--precision={self.precision} is for --format=safetensors only")


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Everything that can be chosen about an export."""

    run: ExportRunConfig
    family: Any = field(default_factory=NoFamilyOptions)
    """Nothing: what the environment is like is said by the experiment."""

    def __post_init__(self) -> None:
        check_choices(self.run)  # here, because in the help nothing is chosen
