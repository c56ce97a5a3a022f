"""Builds what the options name: encoder, core and distribution of actions. Knows nothing of what they do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
from torch import nn

from sample_factory.models.cores import Core, make_core
from sample_factory.models.encoders import make_encoder, make_instructions_encoder, make_vizdoom_encoder
from sample_factory.models.extensions import BUILT_IN_ENCODERS, EncoderFactory
from sample_factory.models.options import ModelOptions, one_of
from sample_factory.rl.spaces import ActionLayout, ActionPart, KeySpec
from sample_factory.system.registrations import Kind, registered

_BUILT_IN: dict[str, EncoderFactory] = {
    "vizdoom": make_vizdoom_encoder,
    "dmlab_instructions": make_instructions_encoder,
}
assert tuple(_BUILT_IN) == BUILT_IN_ENCODERS


def build_encoder(keys: Mapping[str, KeySpec], options: ModelOptions) -> nn.Module:
    """The custom encoder if the options name one, otherwise the built-in one."""
    if not options.encoder_custom:
        return make_encoder(keys, options)
    factory: EncoderFactory = _find("encoder", options.encoder_custom, _BUILT_IN)
    encoder = factory(keys, options)
    _check_size(encoder, "output_size", f"--encoder_custom={options.encoder_custom}")
    return encoder


def build_core(input_size: int, options: ModelOptions) -> Core:
    """The custom core if the options name one, otherwise the built-in one."""
    if not options.core_custom:
        return make_core(input_size, options)
    core: Core = _find("core", options.core_custom)(input_size, options)
    for attribute in ("output_size", "state_size"):
        _check_size(core, attribute, f"--core_custom={options.core_custom}")
    return core


def customize_layout(layout: ActionLayout, options: ModelOptions) -> ActionLayout:
    """The layout with the custom distribution in its continuous parts, if the options name one.

    Raises:
        ValueError: the name is unknown, or nothing is continuous.
    """
    name = options.action_distribution_custom
    if not name:
        return layout
    factory = _find("action distribution", name)
    if all(part.kind == "categorical" for part in layout.parts):
        raise ValueError(f"--action_distribution_custom={name} is for Box actions, and the action is {layout.space}")

    def customize(part: ActionPart) -> ActionPart:
        if part.kind == "categorical":
            return part
        assert isinstance(part.space, gym.spaces.Box)
        distribution = factory(part.space)
        _check_size(distribution, "num_params", f"--action_distribution_custom={name}")
        return dataclasses.replace(part, kind="custom", distribution=distribution)

    return dataclasses.replace(layout, parts=tuple(map(customize, layout.parts)))


def _find(kind: Kind, name: str, built_in: Mapping[str, Any] | None = None) -> Any:
    factories = {**registered(kind), **(built_in or {})}
    if not factories:
        raise ValueError(f"--{_FLAGS[kind]}={name} is unknown; none is registered")
    return factories[one_of(_FLAGS[kind], name, tuple(factories))]


_FLAGS: dict[Kind, str] = {
    "encoder": "encoder_custom",
    "core": "core_custom",
    "action distribution": "action_distribution_custom",
}


def _check_size(built: Any, attribute: str, flag: str) -> None:
    size = getattr(built, attribute, None)
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"{flag} built a {type(built).__name__} whose attribute {attribute!r} is {size!r}, not a size")
