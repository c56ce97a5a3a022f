"""The network of a case below its heads, for peers that take one. Knows no peer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

ACTIVATIONS = {"elu": nn.ELU, "tanh": nn.Tanh}


def make_body(
    shape: Sequence[int], convolutions: Sequence[Sequence[int]], layers: Sequence[int], activation: str
) -> tuple[nn.Sequential, int]:
    """From [N, *shape], channels first, to [N, width]; and the width.

    Args:
        convolutions: channels, kernel and stride of each.
        layers: widths of the fully connected layers behind them.
    """
    parts: list[nn.Module] = []
    size = shape[0]
    for channels, kernel, stride in convolutions:
        parts += [nn.Conv2d(size, channels, kernel, stride), ACTIVATIONS[activation]()]
        size = channels
    parts.append(nn.Flatten())
    with torch.no_grad():
        size = nn.Sequential(*parts)(torch.zeros(1, *shape)).shape[1]
    for width in layers:
        parts += [nn.Linear(size, width), ACTIVATIONS[activation]()]
        size = width
    return nn.Sequential(*parts), size


def convolution(text: str) -> tuple[int, int, int]:
    """From `channels,kernel,stride`."""
    channels, kernel, stride = map(int, text.split(","))
    return channels, kernel, stride
