"""From an experiment to a folder for others: chosen, written, tried out, and only then there. Knows no file format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from sample_factory.algorithms.appo.export.acting_module import ActingModule
from sample_factory.algorithms.appo.export.description import describe_interface
from sample_factory.algorithms.appo.export.rehearsal import Rehearsal, Twin, rehearse
from sample_factory.algorithms.appo.exported_folder import (
    CFG_FILE,
    DESCRIPTION_FILE,
    WEIGHTS_FILE,
    exported_cfg,
    missing_package,
    write_json,
)
from sample_factory.algorithms.appo.model_spec import ModelSpec
from sample_factory.algorithms.appo.options import parse_evaluation_options
from sample_factory.algorithms.appo.trained_policy import Checkpoint, load_checkpoint, make_acting, spec_of
from sample_factory.config.config import Config
from sample_factory.config.experiment import experiment_dir
from sample_factory.config.export import ExportRunConfig
from sample_factory.config.values import namespace
from sample_factory.envs import registry
from sample_factory.envs.contract import BatchedEnv
from sample_factory.models.actor_critic import ActorCritic
from sample_factory.sampling.threads import limit_threads
from sample_factory.system.new_folder import new_folder

_NUM_ENVS = 2


@dataclass(frozen=True)
class _Trained:
    """What is exported, and where it plays."""

    config: Config
    checkpoint: Checkpoint
    env: BatchedEnv
    spec: ModelSpec
    model: ActorCritic


def export_policy(options: ExportRunConfig) -> Path:
    """Write a folder with the policy and policy.json; returns its path.

    Raises:
        ValueError: one line: there is no such policy, a package is missing, the folder exists already, or the exported
            policy does not act like the original. Nothing is left then.
    """
    config = _config(options)
    folder = experiment_dir(config.run)
    policy = config.evaluation.policy_index
    checkpoint = load_checkpoint(folder, policy, options.load_checkpoint_kind)
    name = f"{checkpoint.path.stem}_p{policy}_{options.format}"
    target = Path(options.output).expanduser() if options.output is not None else folder / "exported" / name
    env = registry.make_batched(config.run.env, namespace(config), _NUM_ENVS, is_training=False)
    try:
        limit_threads(1, with_torch=True)
        spec = spec_of(config, checkpoint, env.keys, env.actions)
        model = spec.build()
        model.load_state_dict(checkpoint.model)
        trained = _Trained(config, checkpoint, env, spec, model)
        with new_folder(target) as partial:
            description = describe_interface(config, env.keys, model.layout, model.state_size)
            description |= _WRITERS[options.format](trained, options, partial)
            description |= {"policy": policy, "train_step": checkpoint.train_step, "env_steps": checkpoint.env_steps}
            write_json(partial / DESCRIPTION_FILE, {"format": options.format} | description)
    finally:
        env.close()
    return target


def _config(options: ExportRunConfig) -> Config:
    names = ("env", "experiment", "experiments_root", "train_dir", "policy_index")
    given = {name: value for name in names if (value := getattr(options, name)) is not None}
    return parse_evaluation_options([f"--{name}={value}" for name, value in given.items()])


def _write_onnx(trained: _Trained, options: ExportRunConfig, folder: Path) -> dict[str, Any]:
    try:
        # Only here, because the packages are optional.
        from sample_factory.algorithms.appo.export.onnx_file import OnnxRunner, write_onnx
    except ModuleNotFoundError as error:
        raise missing_package("--format=onnx", error) from None
    return _write_function(trained, options, folder / "policy.onnx", write_onnx, OnnxRunner)


def _write_torchscript(trained: _Trained, options: ExportRunConfig, folder: Path) -> dict[str, Any]:
    from sample_factory.algorithms.appo.export.torchscript import TorchScriptRunner, write_torchscript

    return _write_function(trained, options, folder / "policy.pt", write_torchscript, TorchScriptRunner)


def _write_function(
    trained: _Trained,
    options: ExportRunConfig,
    path: Path,
    write: Callable[[ActingModule, int, Path], None],
    read: Callable[[Path], Twin],
) -> dict[str, Any]:
    """Write the file, and try it out with another number of rows than it was made with."""
    write(ActingModule(trained.model, trained.env.keys), trained.env.num_rows + 1, path)
    rehearsal = _rehearse(trained, read(path), options.check_steps)
    print(
        f"the same actions as the original over {rehearsal.steps} steps of {rehearsal.rows} rows with "
        f"{rehearsal.episodes} ends of episodes; numbers differ by at most {rehearsal.largest_difference:.2g}",
        flush=True,
    )
    return {"file": path.name, "checked": rehearsal._asdict()}


def _rehearse(trained: _Trained, twin: Twin, steps: int) -> Rehearsal:
    policy = make_acting(trained.spec, trained.model, "cpu", seed=0)
    return rehearse(policy, trained.model.layout, trained.model.state_size, twin, trained.env, steps, seed=0)


def _write_safetensors(trained: _Trained, options: ExportRunConfig, folder: Path) -> dict[str, Any]:
    try:
        from sample_factory.algorithms.appo.weights_file import Weights, save_weights
    except ModuleNotFoundError as error:
        raise missing_package("--format=safetensors", error) from None
    config, checkpoint = trained.config, trained.checkpoint
    policy = config.evaluation.policy_index
    if options.precision == "bfloat16":
        trained.model.to_inference_precision(torch.bfloat16).load_state_dict(checkpoint.model)
    stored = trained.model.state_dict()
    save_weights(folder / WEIGHTS_FILE, Weights(policy, checkpoint.train_step, checkpoint.env_steps, stored))
    write_json(folder / CFG_FILE, exported_cfg(experiment_dir(config.run), policy))
    copy = load_checkpoint(folder, policy, "latest")
    same = copy.model.keys() == stored.keys()
    if not same or not all(copy.model[name].equal(tensor) for name, tensor in stored.items()):
        raise ValueError("the exported weights are not those of the policy; nothing is written")
    return {"file": WEIGHTS_FILE}


_WRITERS: dict[str, Callable[[_Trained, ExportRunConfig, Path], dict[str, Any]]] = {
    "onnx": _write_onnx,
    "torchscript": _write_torchscript,
    "safetensors": _write_safetensors,
}
