"""How population-based training changes hyper-parameters: pure functions of values and chance. Know no policy.

Jaderberg et al. (2017), "Population Based Training of Neural Networks": exploration by perturbing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sample_factory.config.learning import LearningConfig
from sample_factory.config.population import PbtConfig
from sample_factory.envs.reward_shaping import RewardShaping, flatten, unflatten

HYPER_PARAMETERS = "hyper_parameters"
"""Name of the numbers of each learner that may change in a run, in the arena."""
_TUNED = (
    "learning_rate",
    "exploration_loss_coeff",
    "value_loss_coeff",
    "max_grad_norm",
    "ppo_clip_ratio",
    "ppo_clip_value",
)
_BACK_TO_DEFAULT = 0.05
"""Probability that a value that is to change, and has changed before, becomes what it was in the beginning."""
_DISTANCE_FROM_ONE = ("gamma",)
_SMALLEST_DISTANCE_FACTOR, _LARGEST_DISTANCE_FACTOR = 1.01, 1.2
_BATCH_FACTOR, _LARGEST_BATCH = 1.2, 1.5
_LARGEST_CLIP = 0.9
"""Of probability ratios; beyond it nothing is clipped any more."""


def tuned_values(learning: LearningConfig, options: PbtConfig) -> dict[str, float]:
    """The hyper-parameters that are changed in a run, with the values that the options give them."""
    names = [*_TUNED]
    names += ["batch_size"] if options.pbt_optimize_batch_size else []
    names += ["gamma"] if options.pbt_optimize_gamma else []
    return {name: getattr(learning, name) for name in names}


def mutate(
    values: Mapping[str, float],
    defaults: Mapping[str, float],
    options: PbtConfig,
    rollout: int,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Hyper-parameters near `values`; each changes with probability `pbt_mutation_rate`.

    Args:
        defaults: of the run.
        rollout: a batch is a multiple of it.
    """
    return {name: _changed(name, value, defaults[name], options, rollout, rng) for name, value in values.items()}


def mutate_reward_shaping(
    values: RewardShaping, defaults: RewardShaping, options: PbtConfig, rng: np.random.Generator
) -> RewardShaping:
    """The same for a nested dictionary of rewards; a reward keeps its sign, and 0 stays 0."""
    first = flatten(defaults)
    mutated: dict[Any, float] = {
        path: _changed("", value, first[path], options, 1, rng) for path, value in flatten(values).items()
    }
    return unflatten(mutated)


def _changed(
    name: str, value: float, default: float, options: PbtConfig, rollout: int, rng: np.random.Generator
) -> float:
    if rng.random() >= options.pbt_mutation_rate:
        return value
    if value != default and rng.random() < _BACK_TO_DEFAULT:
        return default
    if name == "batch_size":
        return _changed_batch(value, default, rollout, rng)
    if name in _DISTANCE_FROM_ONE:
        return 1 - (1 - value) * _factor(_SMALLEST_DISTANCE_FACTOR, _LARGEST_DISTANCE_FACTOR, rng)
    changed = value * _factor(options.pbt_perturb_min, options.pbt_perturb_max, rng)
    return min(changed, _LARGEST_CLIP) if name == "ppo_clip_ratio" else changed


def _changed_batch(value: float, default: float, rollout: int, rng: np.random.Generator) -> int:
    wanted = min(value * _factor(_BATCH_FACTOR, _BATCH_FACTOR, rng), _LARGEST_BATCH * default)
    return max(rollout, int(wanted) // rollout * rollout)


def _factor(low: float, high: float, rng: np.random.Generator) -> float:
    """From [low, high] or, as often, from [1 / high, 1 / low]."""
    factor = float(rng.uniform(low, high))
    return factor if rng.random() < 0.5 else 1 / factor
