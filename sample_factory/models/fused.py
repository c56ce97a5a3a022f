"""Linear layers and convolutions with the ELU behind them as one kernel. Knows no module and no model.

On the CPU, torch's own ELU costs as much as the convolution before it (1.5 ns an element), while oneDNN applies it to
results that are still in registers. Torch reaches that kernel only through TorchScript; where it cannot be had, and for
small layers, for which the way through TorchScript costs more than it saves, the usual operators do the same.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from sample_factory.models.tracing import is_being_traced

Layer = Callable[[Tensor, Tensor, Tensor], Tensor]
Stride = tuple[int, ...]

_MIN_ELEMENTS = 2**14
_MAX_KERNELS = 64  # one for each shape; batches of ever new sizes are left to the usual operators
_RUNS_UNTIL_COMPILED = 3  # TorchScript looks at its inputs before it optimizes
_kernels: dict[Any, Layer | None] = {}
_compiling = threading.Lock()


def activated_linear(x: Tensor, weight: Tensor, bias: Tensor, activation: nn.Module) -> Tensor:
    """activation(x @ weight.T + bias), [N, F] to [N, H], in the precision of the weight or of autocast."""
    return _activated(None, x, weight, bias, activation, len(x) * len(weight))


def activated_conv2d(x: Tensor, weight: Tensor, bias: Tensor, stride: Stride, activation: nn.Module) -> Tensor:
    """activation(convolution without padding) of [N, C, H, W] in channels-last memory."""
    height, width = ((x.shape[i] - weight.shape[i]) // stride[i - 2] + 1 for i in (2, 3))
    return _activated(stride, x, weight, bias, activation, len(x) * len(weight) * height * width)


def compute_dtype(weight: Tensor) -> torch.dtype:
    """What to cast an input to before it meets `weight`: the autocast type if there is one, to cast only once."""
    device = weight.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else weight.dtype


# hot path
def _activated(
    stride: Stride | None, x: Tensor, weight: Tensor, bias: Tensor, activation: nn.Module, num_elements: int
) -> Tensor:
    is_elu = type(activation) is nn.ELU and activation.alpha == 1.0
    is_small = num_elements < _MIN_ELEMENTS
    if not is_elu or is_small or weight.device.type != "cpu" or is_being_traced():
        return activation(_layer(stride)(x, weight, bias))  # type: ignore[no-any-return]
    if torch.is_autocast_enabled("cpu"):
        dtype = compute_dtype(weight)
        with torch.autocast("cpu", enabled=False):
            return _activated(stride, x.to(dtype), weight.to(dtype), bias.to(dtype), activation, num_elements)
    kernel = _kernel(stride, x, weight, bias)
    if kernel is None:
        return activation(_layer(stride)(x, weight, bias))  # type: ignore[no-any-return]
    if torch.is_grad_enabled():
        return _LayerElu.apply(x, weight, bias, kernel, stride)  # type: ignore[no-any-return, no-untyped-call]
    # The kernel is made for inputs without gradients; for others TorchScript would start anew, with other roundings.
    return kernel(*(tensor.detach() if tensor.requires_grad else tensor for tensor in (x, weight, bias)))


def _layer(stride: Stride | None) -> Layer:
    return functional.linear if stride is None else partial(functional.conv2d, stride=stride)


class _LayerElu(torch.autograd.Function):
    """Differentiable by input, weight and bias; keeps only the result of the ELU."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, kernel: Layer, stride: Stride | None) -> Tensor:
        result = kernel(x.detach(), weight.detach(), bias.detach())
        ctx.save_for_backward(x, weight, result)
        ctx.stride = stride
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor, None, None]:
        x, weight, result = ctx.saved_tensors
        needs_x = ctx.needs_input_grad[0]
        inner = torch.ops.aten.elu_backward(gradient, 1.0, 1.0, 1.0, True, result)
        if ctx.stride is None:
            # With few inputs, the usual way round takes ten times as long.
            is_narrow = x.shape[1] < 64
            by_weight = (x.t() @ inner).t().contiguous() if is_narrow else inner.t() @ x
            return inner @ weight if needs_x else None, by_weight, inner.sum(0), None, None
        by_x, by_weight, by_bias = torch.ops.aten.convolution_backward(
            inner, x, weight, [len(weight)], ctx.stride, [0, 0], [1, 1], False, [0, 0], 1, [needs_x, True, True]
        )
        return by_x, by_weight, by_bias, None, None


# hot path
def _kernel(stride: Stride | None, x: Tensor, weight: Tensor, bias: Tensor) -> Layer | None:
    """The fused kernel for inputs of this kind, if there is one."""
    key = stride, x.dtype, x.shape, x.stride(), weight.shape, weight.stride()
    try:
        return _kernels[key]
    except KeyError:
        pass
    with _compiling:
        if key not in _kernels and len(_kernels) < _MAX_KERNELS:
            _kernels[key] = _compile(_layer(stride), (x.detach(), weight.detach(), bias.detach()))
    return _kernels.get(key)


@torch.no_grad()
def _compile(layer: Layer, example: tuple[Tensor, ...]) -> Layer | None:
    try:
        torch.jit.enable_onednn_fusion(True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript is deprecated; nothing else leads to this kernel
            kernel: Layer = torch.jit.trace(  # type: ignore[no-untyped-call]
                lambda *inputs: functional.elu(layer(*inputs)), example, check_trace=False
            )
            for _ in range(_RUNS_UNTIL_COMPILED):
                kernel(*example)
        is_fused = "oneDNNFusionGroup" in str(torch.jit.last_executed_optimized_graph())  # type: ignore[attr-defined]
    except (AttributeError, RuntimeError):
        return None
    return kernel if is_fused else None
