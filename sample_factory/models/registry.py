"""Custom encoders by name. Knows no option but `encoder_custom`, and nothing of what an encoder does."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from sample_factory.models.encoders import make_encoder, make_vizdoom_encoder
from sample_factory.models.options import ModelOptions, one_of
from sample_factory.rl.spaces import KeySpec

EncoderFactory = Callable[[Mapping[str, KeySpec], ModelOptions], nn.Module]

_factories: dict[str, EncoderFactory] = {"vizdoom": make_vizdoom_encoder}


def register_encoder(name: str, factory: EncoderFactory) -> None:
    """Make `--encoder_custom=name` build `factory(keys, options)`.

    The module takes the observation dictionary (rows as stored: images [N, H, W, C]) and returns [N, output_size], an
    int attribute it must have. `keys` leave the action mask out.

    Raises:
        ValueError: another factory has this name.
    """
    if _factories.setdefault(name, factory) is not factory:
        raise ValueError(f"an encoder named {name!r} is already registered")


def build_encoder(keys: Mapping[str, KeySpec], options: ModelOptions) -> nn.Module:
    """The custom encoder if the options name one, otherwise the built-in one."""
    if not options.encoder_custom:
        return make_encoder(keys, options)
    one_of("encoder_custom", options.encoder_custom, tuple(_factories))
    encoder = _factories[options.encoder_custom](keys, options)
    if not isinstance(getattr(encoder, "output_size", None), int):
        raise ValueError(f"--encoder_custom={options.encoder_custom} built a module without an int `output_size`")
    return encoder
