"""Encoders of images stored height-width-channel. Knows no observation dictionary.

The stored image is cast once and read as a channels-last view: no copy changes the layout, and subtracting a constant
and dividing by another is folded into the first convolution, so that nothing else ever passes over the pixels.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from sample_factory.models.fused import activated_conv2d, compute_dtype
from sample_factory.models.layers import ActivatedConv2d, make_activation
from sample_factory.models.options import ModelOptions, one_of


class ConvLayer(NamedTuple):
    """One convolution without padding."""

    channels: int
    kernel: int
    stride: int


CONVNETS = {
    "convnet_simple": (ConvLayer(32, 8, 4), ConvLayer(64, 4, 2), ConvLayer(128, 3, 2)),
    "convnet_impala": (ConvLayer(16, 8, 4), ConvLayer(32, 4, 2)),
    "convnet_atari": (ConvLayer(32, 8, 4), ConvLayer(64, 4, 2), ConvLayer(64, 3, 1)),
    "minigrid_convnet_tiny": (ConvLayer(16, 3, 1), ConvLayer(32, 2, 1), ConvLayer(64, 2, 1)),
}
RESNETS = {"resnet_impala": (16, 32, 32)}


class FoldedNormalization(NamedTuple):
    """Constants of (x - mean) / scale."""

    mean: float = 0.0
    scale: float = 1.0


class FirstConv(nn.Module):
    """A convolution of (images - mean) / scale that reads [N, H, W, C] of any dtype, and the activation behind it."""

    def __init__(
        self, conv: nn.Conv2d, normalization: FoldedNormalization, activation: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.conv = conv
        self.activation = activation or nn.Identity()
        self._normalization = normalization
        # Padding adds zeros after the normalisation; with a mean, folding it in would turn them into something else.
        self._foldable = normalization.mean == 0.0 or conv.padding == (0, 0)

    def forward(self, images: Tensor) -> Tensor:
        """[N, H, W, C] to [N, channels, H', W'] in channels-last memory."""
        conv, (mean, scale) = self.conv, self._normalization
        weight, bias = conv.weight, conv.bias
        pixels = images.to(compute_dtype(weight))
        if not self._foldable:
            pixels = (pixels - mean) / scale
        elif scale != 1.0 or mean != 0.0:
            weight = weight * (1.0 / scale)
            if mean != 0.0:
                assert bias is not None
                # Summed in float32: in bfloat16 the error of thousands of terms would reach the features.
                bias = (bias.float() - weight.float().sum((1, 2, 3)) * mean).to(bias.dtype)
        pixels = pixels.permute(0, 3, 1, 2)
        if conv.padding == (0, 0):
            assert bias is not None
            return activated_conv2d(pixels, weight, bias, conv.stride, self.activation)
        convolved = functional.conv2d(pixels, weight, bias, conv.stride, conv.padding)
        return self.activation(convolved)  # type: ignore[no-any-return]


class ConvEncoder(nn.Module):
    """Convolutions with an activation after each; the output is flattened in memory order."""

    def __init__(
        self,
        layers: tuple[ConvLayer, ...],
        image_shape: tuple[int, ...],
        normalization: FoldedNormalization,
        options: ModelOptions,
    ) -> None:
        super().__init__()
        height, width, channels = image_shape
        modules: list[nn.Module] = []
        for layer in layers:
            conv = ActivatedConv2d(channels, *layer, options)
            modules.append(conv if modules else FirstConv(conv, normalization, conv.activation))
            height, width = ((size - layer.kernel) // layer.stride + 1 for size in (height, width))
            channels = layer.channels
            if min(height, width) < 1:
                raise ValueError(
                    f"--encoder_subtype={options.encoder_subtype} is too deep for images of (height, width, channels) "
                    f"{image_shape}; use --encoder_type=mlp, a smaller convnet or larger images"
                )
        self.layers = nn.Sequential(*modules)
        self.output_size = height * width * channels

    def forward(self, images: Tensor) -> Tensor:
        """[N, H, W, C] to [N, output_size]."""
        return _flatten(self.layers(images))


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))), 3x3."""

    def __init__(self, channels: int, options: ModelOptions) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        self.activate_input = make_activation(options, inplace=False)
        self.activate_inner = make_activation(options)

    def forward(self, x: Tensor) -> Tensor:
        """[N, C, H, W] to the same shape."""
        inner = self.first(self.activate_input(x))
        return x + self.second(self.activate_inner(inner))  # type: ignore[no-any-return]


class ResnetEncoder(nn.Module):
    """Stages of 3x3 convolution, 3x3 max pooling of stride 2, and two residual blocks (Espeholt et al. 2018)."""

    def __init__(
        self,
        stage_channels: tuple[int, ...],
        image_shape: tuple[int, ...],
        normalization: FoldedNormalization,
        options: ModelOptions,
    ) -> None:
        super().__init__()
        height, width, channels = image_shape
        modules: list[nn.Module] = []
        for out_channels in stage_channels:
            conv = nn.Conv2d(channels, out_channels, 3, padding=1)
            modules += [conv if modules else FirstConv(conv, normalization), nn.MaxPool2d(3, 2, padding=1)]
            modules += [ResidualBlock(out_channels, options), ResidualBlock(out_channels, options)]
            height, width, channels = (height + 1) // 2, (width + 1) // 2, out_channels
        self.layers = nn.Sequential(*modules, make_activation(options))
        self.output_size = height * width * channels

    def forward(self, images: Tensor) -> Tensor:
        """[N, H, W, C] to [N, output_size]."""
        return _flatten(self.layers(images))


def make_image_encoder(
    image_shape: tuple[int, ...], normalization: FoldedNormalization, options: ModelOptions
) -> ConvEncoder | ResnetEncoder:
    """The network that `encoder_type` (conv or resnet) and `encoder_subtype` name."""
    if options.encoder_type == "resnet":
        stages = RESNETS[one_of("encoder_subtype", options.encoder_subtype, tuple(RESNETS))]
        return ResnetEncoder(stages, image_shape, normalization, options)
    layers = CONVNETS[one_of("encoder_subtype", options.encoder_subtype, tuple(CONVNETS))]
    return ConvEncoder(layers, image_shape, normalization, options)


def _flatten(features: Tensor) -> Tensor:
    # Height, width, channel order is the memory order of channels-last: no copy.
    return features.permute(0, 2, 3, 1).flatten(1)
