"""Builds the encoder that the options name. Knows nothing of what an encoder does."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from sample_factory.models.custom_encoders import BUILT_IN_NAMES, EncoderFactory, register_encoder, registered
from sample_factory.models.encoders import make_encoder, make_vizdoom_encoder
from sample_factory.models.options import ModelOptions, one_of
from sample_factory.rl.spaces import KeySpec

__all__ = ["build_encoder", "register_encoder"]

_BUILT_IN: dict[str, EncoderFactory] = {"vizdoom": make_vizdoom_encoder}
assert tuple(_BUILT_IN) == BUILT_IN_NAMES


def build_encoder(keys: Mapping[str, KeySpec], options: ModelOptions) -> nn.Module:
    """The custom encoder if the options name one, otherwise the built-in one."""
    if not options.encoder_custom:
        return make_encoder(keys, options)
    factories = {**registered(), **_BUILT_IN}
    one_of("encoder_custom", options.encoder_custom, tuple(factories))
    encoder = factories[options.encoder_custom](keys, options)
    if not isinstance(getattr(encoder, "output_size", None), int):
        raise ValueError(f"--encoder_custom={options.encoder_custom} built a module without an int `output_size`")
    return encoder
