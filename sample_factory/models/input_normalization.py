"""Running normalisation of observations, as a module with buffers. Knows no encoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from sample_factory.models.options import ModelOptions
from sample_factory.models.tracing import is_being_traced
from sample_factory.rl.normalization import RunningMeanStd, initial_statistics, normalize, update_statistics
from sample_factory.rl.spaces import KeySpec

_CLIP = 5.0
_EPS = 1e-5


class KeyNormalizer(nn.Module):
    """Statistics of one key over its last axis: per entry of a vector, per channel of an image."""

    def __init__(self, size: int, shift: float, scale: float) -> None:
        super().__init__()
        self._shift, self._scale = shift, scale
        mean, var, count = initial_statistics(size)
        self.mean: Tensor
        self.var: Tensor
        self.count: Tensor
        self.register_buffer("mean", mean)
        self.register_buffer("var", var)
        self.register_buffer("count", count)

    # hot path
    def forward(self, x: Tensor) -> Tensor:
        """[N, ..., n] of any dtype to normalised float32 of the same shape; the statistics do not change."""
        if is_being_traced():
            return normalize(self._scaled(x), RunningMeanStd(self.mean, self.var, self.count), _CLIP)
        rows = self._scaled(x).reshape(-1, x.shape[-1])
        # One kernel for what would be four.
        rows = functional.batch_norm(rows, self.mean, self.var, eps=_EPS)
        return rows.clamp_(-_CLIP, _CLIP).view(x.shape)

    def update(self, x: Tensor, valid: Tensor) -> None:
        """Take the valid rows into account; `valid` has the leading axes of `x`."""
        old = RunningMeanStd(self.mean, self.var, self.count)
        # Select first: the rest may be most of it.
        for buffer, new in zip(old, update_statistics(old, self._scaled(x[valid])), strict=True):
            buffer.copy_(new)

    def _scaled(self, x: Tensor) -> Tensor:
        x = x.float()
        if self._shift != 0.0 or self._scale != 1.0:
            x = (x - self._shift) * (1.0 / self._scale)
        return x


class InputNormalizer(nn.Module):
    """Normalises every image and vector key; other keys pass through. Does nothing if `normalize_input` is off."""

    def __init__(self, keys: Mapping[str, KeySpec], options: ModelOptions) -> None:
        super().__init__()
        names = sorted(name for name, spec in keys.items() if spec.kind in ("image", "vector"))
        self.key_names = names if options.normalize_input else []
        constants = {"obs": (options.obs_subtract_mean, options.obs_scale)}
        self.normalizers = nn.ModuleList(
            KeyNormalizer(keys[name].shape[-1], *constants.get(name, (0.0, 1.0))) for name in self.key_names
        )

    def forward(self, obs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The same dictionary with the normalised keys replaced."""
        if not self.key_names:
            return obs
        normalized = {name: module(obs[name]) for name, module in zip(self.key_names, self.normalizers, strict=True)}
        return {**obs, **normalized}

    @torch.no_grad()
    def update(self, obs: Mapping[str, Tensor], valid: Tensor) -> None:
        """Take the valid rows of every normalised key into account."""
        for name, module in zip(self.key_names, self.normalizers, strict=True):
            assert isinstance(module, KeyNormalizer)
            module.update(obs[name], valid)
