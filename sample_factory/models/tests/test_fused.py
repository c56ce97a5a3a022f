"""Fused layers against the usual operators: values, gradients, precision. Knows no encoder."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from sample_factory.models import fused
from sample_factory.models.fused import activated_conv2d, activated_linear

LINEAR = (256, 96), (128, 96)
CONV = (16, 8, 20, 28), (32, 8, 4, 4)


@pytest.fixture(autouse=True)
def no_kernels_of_others() -> Iterator[None]:
    kernels, fused._kernels = fused._kernels, {}
    yield
    fused._kernels = kernels


def make(kind: str, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    x_shape, weight_shape = LINEAR if kind == "linear" else CONV
    x, weight = torch.randn(x_shape), torch.randn(weight_shape) * 0.1
    if kind == "conv":
        x, weight = (tensor.contiguous(memory_format=torch.channels_last) for tensor in (x, weight))
    return tuple(leaf.to(dtype).requires_grad_() for leaf in (x, weight, torch.randn(weight_shape[0])))


def apply(kind: str, leaves: tuple[Tensor, ...], activation: nn.Module) -> Tensor:
    if kind == "linear":
        return activated_linear(*leaves, activation)
    return activated_conv2d(*leaves, (2, 2), activation)


def plain(kind: str, leaves: tuple[Tensor, ...], activation: Any) -> Tensor:
    return activation(functional.linear(*leaves) if kind == "linear" else functional.conv2d(*leaves, (2, 2)))


def is_fused(output: Tensor) -> bool:
    return "LayerElu" in type(output.grad_fn).__name__


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_values_and_gradients_are_those_of_the_usual_operators(kind: str) -> None:
    leaves = make(kind)
    mine, theirs = apply(kind, leaves, nn.ELU()), plain(kind, leaves, functional.elu)
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(mine)
    found, wanted = (torch.autograd.grad((out * weights).sum(), leaves) for out in (mine, theirs))
    for mine_gradient, their_gradient in zip(found, wanted, strict=True):
        torch.testing.assert_close(mine_gradient, their_gradient, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_on_this_processor_the_kernel_exists(kind: str) -> None:
    if not torch.backends.mkldnn.is_available() or torch.backends.cpu.get_cpu_capability() == "DEFAULT":
        pytest.skip("no oneDNN here")
    assert is_fused(apply(kind, make(kind), nn.ELU()))
    assert [kernel is not None for kernel in fused._kernels.values()] == [True]


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_other_weights_of_the_same_shape_give_other_results(kind: str) -> None:
    leaves = make(kind)
    apply(kind, leaves, nn.ELU())
    other = tuple((leaf * 0.5 + 0.1).detach().requires_grad_() for leaf in leaves)
    mine, theirs = apply(kind, other, nn.ELU()), plain(kind, other, functional.elu)
    torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=1e-5)
    assert len(fused._kernels) == 1


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_the_first_result_is_the_same_as_every_later_one(kind: str) -> None:
    leaves = make(kind)
    results = [apply(kind, leaves, nn.ELU()) for _ in range(5)]
    assert all(torch.equal(result, results[0]) for result in results)


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_autocast_decides_the_precision_and_gradients_arrive_in_that_of_the_weights(kind: str) -> None:
    leaves = make(kind)
    with torch.autocast("cpu", torch.bfloat16, cache_enabled=False):
        output = apply(kind, leaves, nn.ELU())
    assert output.dtype == torch.bfloat16
    exact = plain(kind, leaves, functional.elu)
    assert bool(((output - exact).abs() < 0.05 + 0.02 * exact.abs()).all())
    output.float().sum().backward()
    assert all(leaf.grad is not None and leaf.grad.dtype == torch.float32 for leaf in leaves)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.ELU(alpha=0.5), nn.Identity()])
@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_other_activations_use_the_usual_operators(kind: str, activation: nn.Module) -> None:
    leaves = make(kind)
    output = apply(kind, leaves, activation)
    assert not is_fused(output)
    torch.testing.assert_close(output, plain(kind, leaves, activation))


def test_small_layers_use_the_usual_operators() -> None:
    x, weight, bias = make("linear")
    assert not is_fused(activated_linear(x[:4], weight, bias, nn.ELU()))
    assert not fused._kernels


def test_ever_new_batch_sizes_do_not_fill_the_memory_with_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fused, "_MAX_KERNELS", 2)
    x, weight, bias = make("linear")
    outputs = [activated_linear(x[:rows], weight, bias, nn.ELU()) for rows in (200, 220, 240)]
    assert len(fused._kernels) == 2 and not is_fused(outputs[2])
    torch.testing.assert_close(outputs[2], functional.elu(functional.linear(x[:240], weight, bias)))


@pytest.mark.parametrize("kind", ["linear", "conv"])
def test_without_torchscript_the_usual_operators_do_the_same(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.jit, "trace")
    leaves = make(kind)
    output = apply(kind, leaves, nn.ELU())
    assert not is_fused(output)
    torch.testing.assert_close(output, plain(kind, leaves, functional.elu))


def test_no_gradient_is_computed_for_inputs_that_need_none() -> None:
    x, weight, bias = make("linear")
    output = activated_linear(x.detach(), weight, bias, nn.ELU())
    output.sum().backward()
    assert x.grad is None and weight.grad is not None and bias.grad is not None
