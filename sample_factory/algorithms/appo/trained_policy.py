"""A trained policy: its checkpoint, and acting for rows whose recurrent state it keeps. Knows no environment."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sample_factory.algorithms.appo.describe import find_device
from sample_factory.algorithms.appo.exported_folder import WEIGHTS_FILE, is_exported, missing_package
from sample_factory.algorithms.appo.model_spec import ModelSpec
from sample_factory.algorithms.appo.past_versions import FOLDER
from sample_factory.algorithms.appo.policy import AppoPolicy
from sample_factory.algorithms.appo.wiring import checkpoint_folder
from sample_factory.config.config import Config
from sample_factory.models.actor_critic import ActorCritic
from sample_factory.models.flat import FlatWeights
from sample_factory.rl import distributions
from sample_factory.rl.spaces import ActionLayout, KeySpec
from sample_factory.system.checkpoints import CheckpointError, CheckpointStore, State, describe_mismatch, load_state


class Checkpoint(NamedTuple):
    """What is evaluated."""

    path: Path
    train_step: int
    env_steps: int
    model: Mapping[str, torch.Tensor]


class TrainedPolicy:
    """Acts in float32 for a fixed number of rows."""

    def __init__(
        self, spec: ModelSpec, model: Mapping[str, torch.Tensor], num_rows: int, device: str, seed: int,
        deterministic: bool = False, sample_continuous: bool = True,
    ) -> None:  # fmt: skip
        built = spec.build()
        built.load_state_dict(model)
        self._policy = make_acting(spec, built, device, seed, deterministic)
        self._actions = built.layout
        self._takes_means = not sample_continuous and not deterministic
        self._state = np.zeros((num_rows, built.state_size), np.float32)
        self.values = np.zeros(num_rows, np.float32)
        """What the policy expected of the last observations [num_rows], as its network says it."""

    # hot path
    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Flat actions [num_rows, num_actions] for observations in the stored layout."""
        output = self._policy.act(obs, self._state)
        self._state, self.values = np.array(output.state), output.recorded["values"]
        if self._takes_means:
            return with_means(self._actions, output.actions, output.recorded["action_logits"])
        return output.actions

    def forget(self, rows: np.ndarray) -> None:
        """The rows [num_rows] bool start an episode."""
        self._state[rows] = 0


def make_acting(spec: ModelSpec, model: ActorCritic, device: str, seed: int, deterministic: bool = False) -> AppoPolicy:
    """A policy that acts with the weights of `model`, which was built from `spec`, in float32."""
    trained = FlatWeights(model)
    weights = np.empty(trained.size, np.float32)
    trained.write_to(torch.from_numpy(weights))
    policy = AppoPolicy(spec, device, bfloat16=False, deterministic=deterministic, seed=seed)
    policy.load(weights)
    return policy


def with_means(layout: ActionLayout, actions: np.ndarray, action_logits: np.ndarray) -> np.ndarray:
    """Actions [n, num_actions] with the mean instead of the sample in the columns of continuous parts.

    Custom distributions give their mode.
    """
    means = distributions.mode(layout, torch.from_numpy(action_logits)).numpy()
    continuous = [part.kind != "categorical" for part in layout.parts for _ in range(part.num_actions)]
    return np.where(continuous, means, actions)


def load_checkpoint(folder: Path, policy: int, kind: str) -> Checkpoint:
    """Read the newest or the best checkpoint of a policy of the experiment in `folder`.

    A folder that holds an exported policy has no other: it is the newest and the best.

    Raises:
        ValueError: there is no such checkpoint, or it cannot be read.
    """
    if is_exported(folder):
        return _load_exported(folder, policy)
    directory = checkpoint_folder(folder, policy)
    store = CheckpointStore(directory, keep=1)
    try:
        found = store.load_best() if kind == "best" else store.load_latest()
    except CheckpointError as error:
        raise ValueError(str(error)) from None
    if found is None:
        other = "; there may be one with --load_checkpoint_kind=latest" if kind == "best" else ""
        raise ValueError(f"there is no {kind} checkpoint in {directory}{other}")
    state, path = found
    return _checkpoint(state, path)


def load_checkpoint_file(folder: Path, policy: int, name: str) -> Checkpoint:
    """Read a file of a policy of the experiment in `folder`: one of its checkpoints, milestones or pool.

    Raises:
        ValueError: there is no such file, or it is no checkpoint that can be read.
    """
    directory = checkpoint_folder(folder, policy)
    places = (directory, directory / "milestones", directory / FOLDER)
    path = next((place / name for place in places if (place / name).is_file()), None)
    if path is None or Path(name).name != name:
        raise ValueError(f"there is no file {name} in {directory}, nor in its folders milestones and pool")
    try:
        return _checkpoint(load_state(path), path)
    except CheckpointError as error:
        raise ValueError(str(error)) from None
    except (KeyError, TypeError):
        raise ValueError(f"{path} is no checkpoint of a policy") from None


def _load_exported(folder: Path, policy: int) -> Checkpoint:
    try:
        # Only here, because the package is optional.
        from sample_factory.algorithms.appo.weights_file import load_weights
    except ModuleNotFoundError as error:
        raise missing_package(f"the exported policy in {folder}", error) from None
    weights = load_weights(folder / WEIGHTS_FILE)
    if weights.policy != policy:
        raise ValueError(f"{folder} holds policy {weights.policy} only, not --policy_index={policy}")
    return Checkpoint(folder / WEIGHTS_FILE, weights.train_step, weights.env_steps, weights.model)


def _checkpoint(state: State, path: Path) -> Checkpoint:
    return Checkpoint(path, int(state["train_step"]), int(state["env_steps"]), state["model"])


def spec_of(config: Config, checkpoint: Checkpoint, keys: Mapping[str, KeySpec], actions: ActionLayout) -> ModelSpec:
    """What the model of a checkpoint is built from, for an environment with these observations and actions.

    Raises:
        ValueError: the checkpoint does not fit the environment and the model options.
    """
    spec = ModelSpec(dict(keys), actions, config.model)
    mismatch = describe_mismatch(spec.build().state_dict(), checkpoint.model)
    if mismatch:
        raise ValueError(f"{checkpoint.path} is of another architecture: {mismatch}")
    return spec


def make_trained_policy(
    config: Config, checkpoint: Checkpoint, keys: Mapping[str, KeySpec], actions: ActionLayout, num_rows: int, seed: int
) -> TrainedPolicy:
    """The policy of a checkpoint, for an environment with these observations and actions.

    Raises:
        ValueError: the checkpoint does not fit the environment and the model options.
    """
    return TrainedPolicy(
        spec_of(config, checkpoint, keys, actions),
        checkpoint.model,
        num_rows,
        find_device(config.run.device),
        seed,
        deterministic=config.evaluation.eval_deterministic,
        sample_continuous=config.evaluation.continuous_actions_sample,
    )
