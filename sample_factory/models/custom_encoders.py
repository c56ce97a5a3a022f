"""Encoders that users register by name, and how they reach other processes. Knows no torch and no encoder.

Separate from the registry that builds them, so that the main process can send them on without loading torch.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sample_factory.models.options import ModelOptions
from sample_factory.rl.spaces import KeySpec

if TYPE_CHECKING:
    from torch import nn

EncoderFactory = Callable[[Mapping[str, KeySpec], ModelOptions], "nn.Module"]
BUILT_IN_NAMES = ("vizdoom",)
NO_ENCODERS: Mapping[str, EncoderFactory] = {}
"""Nothing was registered."""

_registered: dict[str, EncoderFactory] = {}


def register_encoder(name: str, factory: EncoderFactory) -> None:
    """Make `--encoder_custom=name` build `factory(keys, options)`.

    The module takes the observation dictionary (rows as stored: images [N, H, W, C]) and returns [N, output_size], an
    int attribute it must have. `keys` leave the action mask out. Other processes import the factory by module and name,
    so it must be at the top level of a module or script.

    Raises:
        ValueError: another factory has this name.
    """
    if name in BUILT_IN_NAMES or _registered.setdefault(name, factory) is not factory:
        raise ValueError(f"an encoder named {name!r} is already registered")


def registered() -> Mapping[str, EncoderFactory]:
    """All encoders of users, by name."""
    return dict(_registered)


def snapshot(name: str | None) -> dict[str, EncoderFactory]:
    """The registration of one encoder, to be sent to another process; empty if no user registered it.

    Raises:
        ValueError: the factory cannot be found by name in another process.
    """
    if name is None or name not in _registered:
        return {}
    try:
        pickle.dumps(_registered[name])
    except Exception as error:
        raise ValueError(
            f"encoder {name!r} cannot be built in other processes: it must be defined at the top level of a module, "
            f"not as a lambda or inside another function ({error})"
        ) from error
    return {name: _registered[name]}


def restore(encoders: Mapping[str, EncoderFactory]) -> None:
    """Add the registrations of another process."""
    _registered.update(encoders)
