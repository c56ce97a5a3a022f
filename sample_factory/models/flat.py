"""A model's weights as one flat vector, the form in which they travel between processes. Knows no transport.

Entries are the parameters and floating-point buffers in the order of the state dictionary, each in logical (not
memory) order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def flat_size(module: nn.Module) -> int:
    """Number of entries of the flat vector."""
    return sum(tensor.numel() for tensor in _tensors(module))


@torch.no_grad()
def flatten_into(module: nn.Module, out: Tensor) -> None:
    """Write the weights into `out` [flat_size], converting to its dtype."""
    tensors = _tensors(module)
    assert out.shape == (sum(tensor.numel() for tensor in tensors),), "the vector does not fit this model"
    if tensors and tensors[0].device != out.device:  # one transfer instead of one for each
        out.copy_(torch.cat([tensor.flatten() for tensor in tensors]))
        return
    for tensor, chunk in zip(tensors, torch.split(out, [tensor.numel() for tensor in tensors]), strict=True):
        chunk.view(tensor.shape).copy_(tensor)


@torch.no_grad()
def load_flat(module: nn.Module, flat: Tensor) -> None:
    """Overwrite the weights in place from `flat` [flat_size], converting to the dtype of each."""
    tensors = _tensors(module)
    assert flat.shape == (sum(tensor.numel() for tensor in tensors),), "the vector does not fit this model"
    if tensors:
        flat = flat.to(tensors[0].device)
    for tensor, chunk in zip(tensors, torch.split(flat, [tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(chunk.view(tensor.shape))


def _tensors(module: nn.Module) -> list[Tensor]:
    return [tensor for tensor in module.state_dict().values() if tensor.is_floating_point()]
