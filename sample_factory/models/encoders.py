"""Encoders: from a dictionary of observation rows to one feature vector per row. Knows no core and no action.

Each key has its own network, chosen by its kind; their outputs are concatenated in the order of the sorted names and go
through `encoder_extra_fc_layers` layers of `hidden_size`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from sample_factory.models.fused import compute_dtype
from sample_factory.models.image_encoders import CONVNETS, RESNETS, FoldedNormalization, make_image_encoder
from sample_factory.models.layers import ActivatedLinear, make_activation, make_mlp
from sample_factory.models.options import ModelOptions, one_of
from sample_factory.models.text_encoder import TextEncoder
from sample_factory.models.tracing import is_being_traced
from sample_factory.rl.spaces import KeySpec

_TYPES = ("conv", "mlp", "resnet")
# Two layers of the hidden size, which is what every vector gets if `encoder_mlp_layers` does not say otherwise.
_MLP_SUBTYPES = ("mlp_mujoco",)
_MEASUREMENTS_LAYERS = (128, 128)


class VectorEncoder(nn.Module):
    """A fully connected network on (x - mean) / scale, x flattened.

    With `is_precise`, the first layer stays in float32 whatever the trunk computes in: in the 8 bits of bfloat16, two
    positions of a pole that call for different actions are often the same number. It costs little, being narrow.
    """

    def __init__(
        self,
        size: int,
        layer_sizes: Sequence[int],
        normalization: FoldedNormalization,
        options: ModelOptions,
        is_precise: bool,
    ) -> None:
        super().__init__()
        assert layer_sizes
        self.first = ActivatedLinear(size, layer_sizes[0], options)
        self.rest = make_mlp(layer_sizes[0], layer_sizes[1:], options)
        self._normalization = normalization
        self._is_precise = is_precise
        self.trunk: Tensor
        self.register_buffer("trunk", torch.zeros(()), persistent=False)  # has the precision that the module is given
        self.output_size = layer_sizes[-1]

    def forward(self, x: Tensor) -> Tensor:
        """[N, ...] to [N, output_size]."""
        mean, scale = self._normalization
        if mean != 0.0 or scale != 1.0:
            x = (x.float() - mean) * (1.0 / scale)
        dtype = compute_dtype(self.trunk)
        if not self._is_precise:
            return self.rest(self.first(x.to(dtype).flatten(1)))  # type: ignore[no-any-return]
        with torch.autocast(x.device.type, enabled=False):
            hidden = self.first(x.float().flatten(1))
        return self.rest(hidden.to(dtype))  # type: ignore[no-any-return]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> VectorEncoder:
        """Whatever the module is converted to, what must be float32 stays so."""
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self._is_precise:
            self.first.float()
        return self


class IntegerEncoder(nn.Module):
    """A fully connected network on concatenated one-hot vectors; the first layer looks its columns up."""

    def __init__(self, categories: Sequence[int], layer_sizes: Sequence[int], options: ModelOptions) -> None:
        super().__init__()
        first, *rest = layer_sizes
        self.table = nn.EmbeddingBag(sum(categories), first, mode="sum")
        self.bias = nn.Parameter(torch.zeros(first))
        starts = torch.tensor([0, *categories[:-1]], dtype=torch.int32).cumsum(0, dtype=torch.int32)
        self.register_buffer("starts", starts, persistent=False)
        self.rest = nn.Sequential(make_activation(options), *make_mlp(first, rest, options))
        self.output_size = layer_sizes[-1]

    def forward(self, x: Tensor) -> Tensor:
        """[N, k] int32 to [N, output_size]."""
        assert isinstance(self.starts, Tensor)
        if is_being_traced():
            columns = functional.embedding(x + self.starts, self.table.weight)
            return self.rest(columns.sum(1) + self.bias)  # type: ignore[no-any-return]
        return self.rest(self.table(x + self.starts) + self.bias)  # type: ignore[no-any-return]


class MultiKeyEncoder(nn.Module):
    """One network per key, concatenation, then fully connected layers."""

    def __init__(
        self, keys: Mapping[str, KeySpec], options: ModelOptions, overrides: Mapping[str, Sequence[int]] | None = None
    ) -> None:
        super().__init__()
        one_of("encoder_type", options.encoder_type, _TYPES)
        one_of("encoder_subtype", options.encoder_subtype, (*CONVNETS, *RESNETS, *_MLP_SUBTYPES))
        self.key_names = sorted(keys)
        layers = dict(overrides or {})
        # A list and not a ModuleDict, whose names may not contain dots.
        self.key_encoders = nn.ModuleList(
            make_key_encoder(name, keys[name], options, layers.get(name)) for name in self.key_names
        )
        size = sum(output_size(encoder) for encoder in self.key_encoders)
        extra = (options.hidden_size,) * options.encoder_extra_fc_layers
        self.fully_connected = make_mlp(size, extra, options)
        self.output_size = extra[-1] if extra else size

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        """Rows [N, *stored shape] per key to [N, output_size]."""
        parts = [encoder(obs[name]) for name, encoder in zip(self.key_names, self.key_encoders, strict=True)]
        return self.fully_connected(parts[0] if len(parts) == 1 else torch.cat(parts, 1))  # type: ignore[no-any-return]


class InstructionsEncoder(nn.Module):
    """Fully connected layers end what is seen only; encoded texts come behind it as they are."""

    def __init__(self, keys: Mapping[str, KeySpec], options: ModelOptions) -> None:
        super().__init__()
        seen = {name: spec for name, spec in keys.items() if spec.kind != "text"}
        if not seen:
            raise ValueError("--encoder_custom=dmlab_instructions needs something to see besides the texts")
        self.text_names = sorted(keys.keys() - seen.keys())
        self.basic_encoder = MultiKeyEncoder(seen, options)
        self.text_encoders = nn.ModuleList(make_key_encoder(name, keys[name], options) for name in self.text_names)
        self.output_size = sum(map(output_size, (self.basic_encoder, *self.text_encoders)))

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        """Rows [N, *stored shape] per key to [N, output_size]."""
        texts = [encoder(obs[name]) for name, encoder in zip(self.text_names, self.text_encoders, strict=True)]
        return torch.cat([self.basic_encoder(obs), *texts], 1)


def output_size(encoder: nn.Module) -> int:
    """Width of an encoder's output."""
    size = encoder.output_size
    assert isinstance(size, int)
    return size


def make_key_encoder(
    name: str, spec: KeySpec, options: ModelOptions, layer_sizes: Sequence[int] | None = None
) -> nn.Module:
    """The network of one key; it takes [N, *spec.shape] and has an `output_size`.

    Only the key "obs" is shifted and scaled by `obs_subtract_mean` and `obs_scale`; `normalize_input` does it before.
    """
    if layer_sizes is None:
        layer_sizes = _vector_layers(options)
    if spec.kind == "text":
        return TextEncoder(spec.categories[0], *spec.shape)
    if spec.kind == "integer":
        return IntegerEncoder(spec.categories, layer_sizes, options)
    folded = FoldedNormalization()
    if name == "obs" and not options.normalize_input:
        folded = FoldedNormalization(options.obs_subtract_mean, options.obs_scale)
    if spec.kind == "image" and options.encoder_type != "mlp":
        return make_image_encoder(spec.shape, folded, options)
    size = 1
    for extent in spec.shape:
        size *= extent
    return VectorEncoder(size, layer_sizes, folded, options, is_precise=spec.dtype.kind == "f")


def make_encoder(keys: Mapping[str, KeySpec], options: ModelOptions) -> MultiKeyEncoder:
    """The encoder that `encoder_type` and `encoder_subtype` name, for keys without the action mask.

    Raises:
        ValueError: an unknown name, or images too small for the subtype.
    """
    return MultiKeyEncoder(keys, options)


def make_vizdoom_encoder(keys: Mapping[str, KeySpec], options: ModelOptions) -> MultiKeyEncoder:
    """The usual encoder, with a network of its own shape for the game variables under "measurements"."""
    return MultiKeyEncoder(keys, options, {"measurements": _MEASUREMENTS_LAYERS})


def make_instructions_encoder(keys: Mapping[str, KeySpec], options: ModelOptions) -> nn.Module:
    """The usual encoder of what is seen, beside the texts: no layer mixes the two before the core.

    Raises:
        ValueError: there is nothing but texts.
    """
    return InstructionsEncoder(keys, options)


def _vector_layers(options: ModelOptions) -> Sequence[int]:
    return tuple(options.encoder_mlp_layers) or (options.hidden_size, options.hidden_size)
