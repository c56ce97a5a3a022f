"""Building blocks of encoders: activations, activated layers, initialisation. Knows no observation."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from sample_factory.models.fused import activated_conv2d, activated_linear
from sample_factory.models.options import ModelOptions, one_of

_ACTIVATIONS: dict[str, Callable[[bool], nn.Module]] = {
    "elu": lambda inplace: nn.ELU(inplace=inplace),
    "relu": lambda inplace: nn.ReLU(inplace=inplace),
    "tanh": lambda inplace: nn.Tanh(),
}
_INITIALIZERS: dict[str, Callable[[Tensor, float], Tensor] | None] = {
    "orthogonal": nn.init.orthogonal_,
    "xavier_uniform": nn.init.xavier_uniform_,
    "torch_default": None,
}


def make_activation(options: ModelOptions, inplace: bool = True) -> nn.Module:
    """The activation that `nonlinearity` names.

    In place unless the input is needed again: the backward pass needs only the result, so a tensor is saved.
    """
    return _ACTIVATIONS[one_of("nonlinearity", options.nonlinearity, tuple(_ACTIVATIONS))](inplace)


class ActivatedLinear(nn.Linear):
    """A linear layer and the activation behind it."""

    def __init__(self, input_size: int, output_size: int, options: ModelOptions) -> None:
        super().__init__(input_size, output_size)
        self.activation = make_activation(options)

    def forward(self, x: Tensor) -> Tensor:
        """[N, input_size] to [N, output_size]."""
        return activated_linear(x, self.weight, self.bias, self.activation)


class ActivatedConv2d(nn.Conv2d):
    """A convolution without padding and the activation behind it."""

    def __init__(self, input_channels: int, channels: int, kernel: int, stride: int, options: ModelOptions) -> None:
        super().__init__(input_channels, channels, kernel, stride)
        self.activation = make_activation(options)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] in channels-last memory to the same."""
        assert self.bias is not None
        return activated_conv2d(x, self.weight, self.bias, self.stride, self.activation)


def make_mlp(input_size: int, layer_sizes: Sequence[int], options: ModelOptions) -> nn.Sequential:
    """Linear layers, each followed by the activation; the identity if there are none."""
    layers: list[nn.Module] = []
    for size in layer_sizes:
        layers.append(ActivatedLinear(input_size, size, options))
        input_size = size
    return nn.Sequential(*layers)


def initialize(module: nn.Module, options: ModelOptions) -> None:
    """Initialise convolutions, linear layers and embedding bags in place, biases to 0; leave recurrent layers alone."""
    name = one_of("policy_initialization", options.policy_initialization, tuple(_INITIALIZERS))
    initializer = _INITIALIZERS[name]
    if initializer is None:
        return
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            initializer(layer.weight.data, options.policy_init_gain)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, nn.EmbeddingBag):
            # It is a linear layer on one-hot vectors, stored transposed.
            transposed = torch.empty(layer.embedding_dim, layer.num_embeddings)
            layer.weight.data.copy_(initializer(transposed, options.policy_init_gain).T)


def normalize_spectrally(module: nn.Module) -> None:
    """Divide the weights of every convolution and linear layer by their largest singular value, from now on."""
    for layer in list(module.modules()):
        if isinstance(layer, nn.Conv2d | nn.Linear):
            spectral_norm(layer)
