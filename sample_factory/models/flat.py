"""A model's weights as one flat vector, the form in which they travel between processes. Knows no transport.

Entries are the parameters and floating-point buffers in the order of the state dictionary, each in logical (not
memory) order.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class FlatWeights:
    """The weights of one module, whose parts must stay; where they are is looked up once."""

    def __init__(self, module: nn.Module) -> None:
        # The tables and not the tensors, which a conversion or an update of statistics may replace.
        self._places = [
            (table, name)
            for part in module.modules()
            for table, names in ((part._parameters, list(part._parameters)), (part._buffers, _saved_buffers(part)))
            for name in names
            if (tensor := table[name]) is not None and tensor.is_floating_point()
        ]
        self._sizes = [tensor.numel() for tensor in self._tensors()]
        self.size = sum(self._sizes)
        """Number of entries of the flat vector."""

    # hot path
    @torch.no_grad()
    def write_to(self, out: Tensor) -> None:
        """Write the weights into `out` [size], converting to its dtype."""
        self._check(out)
        tensors = self._tensors()
        if tensors and tensors[0].device != out.device:  # one transfer instead of one for each
            out.copy_(torch.cat([tensor.flatten() for tensor in tensors]))
            return
        for tensor, chunk in zip(tensors, torch.split(out, self._sizes), strict=True):
            chunk.view(tensor.shape).copy_(tensor)

    # hot path
    @torch.no_grad()
    def load(self, flat: Tensor) -> None:
        """Overwrite the weights in place from `flat` [size], converting to the dtype of each."""
        self._check(flat)
        tensors = self._tensors()
        if tensors:
            flat = flat.to(tensors[0].device)
        for tensor, chunk in zip(tensors, torch.split(flat, self._sizes), strict=True):
            tensor.copy_(chunk.view(tensor.shape))

    def _tensors(self) -> list[Tensor]:
        return [cast(Tensor, table[name]) for table, name in self._places]

    def _check(self, flat: Tensor) -> None:
        assert flat.shape == (self.size,), "the vector does not fit this model"


def _saved_buffers(part: nn.Module) -> list[str]:
    return [name for name in part._buffers if name not in part._non_persistent_buffers_set]
