"""policy.json: what goes into an exported policy, what comes out, and how to act with it. Knows no weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np

from sample_factory import __version__
from sample_factory.algorithms.appo.export.acting_module import ACTIONS, NEXT_STATE, PARAMS, STATE, VALUES
from sample_factory.config.config import Config
from sample_factory.rl.spaces import ActionLayout, ActionPart, KeySpec

FORMAT_VERSION = 1
_ROWS = "rows"
_HOW = {
    "rows": "The first axis of everything is the number of rows (agents) to decide for; it may be any number.",
    "observations": "As `inputs` says: images height, width, channel whatever the environment gives, everything else "
    "flattened, whole numbers with `subtract` taken off. Scaling and normalisation are part of the policy.",
    "most_probable_action": f"The output `{ACTIONS}`.",
    "random_action": f"Per entry of `actions`, from the columns of `{PARAMS}` that it names: categorical, softmax of "
    "the logits gives the probabilities; gaussian, mean + exp(log_stddev) x standard normal noise; custom, only the "
    f"most probable action is known outside of the program. The action mask is in `{PARAMS}` already.",
    "environment_action": "Categorical: add `start`. Gaussian and custom: clip to `low` and `high` (null is no limit) "
    "and give it `shape`. Entries are the members of the action in their order.",
}
_HOW_STATE = (
    f"`{STATE}` is zeros at the first observation of an episode, afterwards what `{NEXT_STATE}` was for the row."
)


def describe_interface(config: Config, keys: Mapping[str, KeySpec], layout: ActionLayout, state_size: int) -> Any:
    """Everything that must be known to act: names, shapes, dtypes, layouts, and what to do with them.

    Args:
        layout: of the actions, with the distributions of the model.
    """
    state = [_array(STATE, "float32", state_size) | {"kind": "state", "first": 0.0}] if state_size else []
    next_state = [_array(NEXT_STATE, "float32", state_size)] if state_size else []
    return {
        "format_version": FORMAT_VERSION,
        "sample_factory": __version__,
        "env": config.run.env,
        "env_frameskip": config.env.env_frameskip,
        "inputs": [*(_observation(name, spec) for name, spec in keys.items()), *state],
        "outputs": [
            _array(ACTIONS, str(layout.dtype), layout.num_actions),
            _array(PARAMS, "float32", layout.num_logits),
            _array(VALUES, "float32") | {"unit": _unit_of_values(config)},
            *next_state,
        ],
        "actions": _actions(layout),
        "how": _HOW | ({"state": _HOW_STATE} if state_size else {}),
    }


def _array(name: str, dtype: str, *shape: int) -> dict[str, Any]:
    return {"name": name, "dtype": dtype, "shape": [_ROWS, *shape]}


def _observation(name: str, spec: KeySpec) -> dict[str, Any]:
    described = _array(name, str(spec.dtype), *spec.shape) | {"kind": spec.kind}
    described["declared_shape"] = list(spec.space.shape or ())
    if spec.kind == "image":
        described["declared_channel_axis"] = spec.channel_axis
    if spec.kind in ("integer", "text"):
        described["categories"] = list(spec.categories)
    if spec.kind == "integer":
        described["subtract"] = np.broadcast_to(getattr(spec.space, "start", 0), spec.space.shape or (1,)).ravel()
        described["subtract"] = described["subtract"].tolist()
    return described


def _actions(layout: ActionLayout) -> list[dict[str, Any]]:
    described, column, at = [], 0, 0
    for part in layout.parts:
        described.append(
            {"kind": part.kind, "columns": [column, column + part.num_actions]} | _params(part, at) | _member(part)
        )
        column, at = column + part.num_actions, at + part.num_logits
    return described


def _params(part: ActionPart, at: int) -> dict[str, Any]:
    end = at + part.num_logits
    if part.kind == "gaussian":
        return {"mean": [at, at + part.size], "log_stddev": [at + part.size, end]}
    return {"logits" if part.kind == "categorical" else "params": [at, end]}


def _member(part: ActionPart) -> dict[str, Any]:
    if isinstance(part.space, gym.spaces.Discrete):
        return {"start": int(part.space.start)}
    assert isinstance(part.space, gym.spaces.Box)
    low, high = (_finite(bound) for bound in (part.space.low, part.space.high))
    return {"shape": list(part.space.shape), "dtype": str(part.space.dtype), "low": low, "high": high}


def _finite(bounds: np.ndarray) -> list[float | None]:
    return [float(bound) if np.isfinite(bound) else None for bound in bounds.ravel()]


def _unit_of_values(config: Config) -> str:
    unit = f"discounted sum of rewards x {config.learning.reward_scale}"
    return f"{unit}, normalised" if config.learning.normalize_returns else unit
