"""What the files of an exported policy are called, and its cfg.json. Knows no weights and loads no torch.

A folder with the weights as safetensors, cfg.json and policy.json is an experiment that can be played.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from sample_factory.config.experiment import load_cfg
from sample_factory.config.telemetry import TelemetryConfig

WEIGHTS_FILE = "policy.safetensors"
CFG_FILE = "cfg.json"
DESCRIPTION_FILE = "policy.json"

_OF_THE_MACHINE = ("train_dir", "experiments_root", "record_to", "git_repo_name", "wandb_unique_id")


def is_exported(folder: Path) -> bool:
    """Whether the experiment in `folder` is one exported policy, and not a training run."""
    return (folder / WEIGHTS_FILE).is_file()


def exported_cfg(folder: Path, policy: int) -> dict[str, Any]:
    """cfg.json of the experiment in `folder`, for somebody else who has this one policy of it.

    Says nothing of the machine and the accounts of whoever trained it; what is left out has its default.
    """
    names = {item.name for item in fields(TelemetryConfig)}.union(_OF_THE_MACHINE)
    cfg = load_cfg(folder)
    kept = {name: value for name, value in cfg.items() if name not in names and not _is_path(value)}
    command = train_command(cfg)
    given = {name: value for name, value in cfg.get("cli_args", {}).items() if name in kept}
    return kept | {"policy_index": policy, "command_line": command, "cli_args": given}


def train_command(cfg: Mapping[str, Any]) -> str:
    """The arguments with which an experiment was started, without those that are about the machine."""
    kept, leaving_out = [], False
    names = {item.name for item in fields(TelemetryConfig)}.union(_OF_THE_MACHINE)
    for argument in shlex.split(str(cfg.get("command_line", ""))):
        if argument.startswith("--"):
            name, _, value = argument.removeprefix("--").partition("=")
            leaving_out = name in names or _is_path(value) or _is_path(cfg.get(name))
        if not leaving_out:
            kept.append(argument)
    return shlex.join(kept)


def check_portable(cfg: Mapping[str, Any], where: str) -> None:
    """Make sure that a cfg.json that comes from somebody else does not say where on this machine to read or write.

    Raises:
        ValueError: one line: it does.
    """
    for name, value in cfg.items():
        if name in _OF_THE_MACHINE or _is_path(value):
            raise ValueError(f"{where} says {name}={value}, which is for whoever plays the policy to say")


def write_json(path: Path, contents: Mapping[str, Any]) -> None:
    """Write what people may want to read."""
    path.write_text(json.dumps(contents, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def missing_package(what: str, error: ModuleNotFoundError, extra: str = "export") -> ValueError:
    """The line for whoever lacks an optional package."""
    return ValueError(f"{what} needs the package {error.name!r}: pip install 'sample-factory[{extra}]'")


def _is_path(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("/", "~"))
