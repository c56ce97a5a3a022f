"""Encoders, cores and action distributions that users register by name. Knows no torch and builds nothing.

Separate from the registry that builds them, so that the main process can send them on without loading torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import gymnasium as gym

from sample_factory.models.options import ModelOptions
from sample_factory.rl.spaces import ContinuousDistribution, KeySpec
from sample_factory.system import registrations
from sample_factory.system.registrations import Kind

if TYPE_CHECKING:
    from torch import nn

EncoderFactory = Callable[[Mapping[str, KeySpec], ModelOptions], "nn.Module"]
CoreFactory = Callable[[int, ModelOptions], "nn.Module"]
DistributionFactory = Callable[[gym.spaces.Box], ContinuousDistribution]

KINDS: tuple[Kind, ...] = ("encoder", "core", "action distribution")
"""What a process needs that builds models."""
BUILT_IN_ENCODERS = ("vizdoom", "dmlab_instructions")


def register_encoder(name: str, factory: EncoderFactory) -> None:
    """Make `--encoder_custom=name` build `factory(keys, options)`.

    The module takes the observation dictionary (rows as stored: images [N, H, W, C]) and returns [N, output_size], an
    int attribute it must have. `keys` leave the action mask out. Other processes import the factory by module and name,
    so it must be at the top level of a module or script.

    Raises:
        ValueError: the name belongs to an encoder of the package.
    """
    registrations.register("encoder", name, factory, BUILT_IN_ENCODERS)


def register_core(name: str, factory: CoreFactory) -> None:
    """Make `--core_custom=name` build `factory(input_size, options)`: what remembers, instead of the GRU or LSTM.

    The module has the interface of `sample_factory.models.cores.Core`. The factory must be at the top level of a module
    or script.
    """
    registrations.register("core", name, factory)


def register_action_distribution(name: str, factory: DistributionFactory) -> None:
    """Make `--action_distribution_custom=name` use `factory(space)` for every Box of the action space.

    What it returns has the interface of `sample_factory.rl.spaces.ContinuousDistribution`. The factory must be at the
    top level of a module or script.
    """
    registrations.register("action distribution", name, factory)
