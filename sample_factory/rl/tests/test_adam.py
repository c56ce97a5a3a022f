"""Adam does what torch's does, and goes on where torch's has stopped."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from sample_factory.rl.adam import Adam

RATE, BETA1, BETA2, EPS = 3e-3, 0.8, 0.95, 1e-5


def parameters() -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    conv = torch.randn(4, 3, 5, 5, generator=generator).to(memory_format=torch.channels_last)
    return [value.requires_grad_() for value in (torch.randn(7, generator=generator), conv, torch.zeros(2))]


def gradients(num_steps: int) -> Iterator[list[Tensor]]:
    generator = torch.Generator().manual_seed(2)
    for _ in range(num_steps):
        yield [torch.randn(value.shape, generator=generator) for value in parameters()]


def oracle_of(values: list[Tensor]) -> torch.optim.Adam:
    return torch.optim.Adam(values, RATE, betas=(BETA1, BETA2), eps=EPS)


def give(values: list[Tensor], found: list[Tensor]) -> None:
    """Gradients by way of autograd, which lays them out in memory as it does in training."""
    for value, gradient in zip(values, found, strict=True):
        value.grad = None
        value.backward(gradient.clone())


def assert_close(values: list[Tensor], expected: list[Tensor]) -> None:
    for value, other in zip(values, expected, strict=True):
        torch.testing.assert_close(value, other, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("limit", [None, 4.0, 1e6])
def test_steps_are_those_of_torch(limit: float | None) -> None:
    values, expected = parameters(), parameters()
    optimizer, oracle = Adam(values), oracle_of(expected)
    for found in gradients(5):
        give(values, found)
        give(expected, found)
        norm = optimizer.gradient_norm()
        divisor = None if limit is None else (norm / limit).clamp(min=1)
        torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(expected, limit or float("inf")))
        optimizer.step(RATE, BETA1, BETA2, EPS, divisor)
        oracle.step()
    assert_close(values, expected)
    assert_close(optimizer.second_moments, [oracle.state[value]["exp_avg_sq"] for value in expected])


def test_a_parameter_without_gradient_stays_and_counts_no_step() -> None:
    values, expected = parameters(), parameters()
    optimizer, oracle = Adam(values), oracle_of(expected)
    for number, found in enumerate(gradients(4)):
        optimizer.clear_gradients()
        oracle.zero_grad()
        for tensors in (values, expected):
            give(tensors[number % 2 :: 2], found[number % 2 :: 2])
        optimizer.step(RATE, BETA1, BETA2, EPS)
        oracle.step()
    assert_close(values, expected)


def test_what_torch_has_saved_is_continued() -> None:
    expected = parameters()
    oracle, steps = oracle_of(expected), list(gradients(6))
    for found in steps[:3]:
        give(expected, found)
        oracle.step()
    values = [value.detach().clone().requires_grad_() for value in expected]
    optimizer = Adam(values)
    optimizer.load_state_dict(oracle.state_dict())
    again = Adam(values)
    again.load_state_dict(optimizer.state_dict())
    for found in steps[3:]:
        give(values, found)
        give(expected, found)
        again.step(RATE, BETA1, BETA2, EPS)
        oracle.step()
    assert_close(values, expected)


def test_what_is_unknown_starts_afresh_and_what_is_too_much_is_left_out() -> None:
    values = parameters()
    optimizer = Adam(values)
    for value in values:
        value.grad = torch.ones_like(value)
    optimizer.step(RATE, BETA1, BETA2, EPS)
    fewer = Adam(values[:1])
    fewer.load_state_dict(optimizer.state_dict())
    assert torch.equal(fewer.second_moments[0], optimizer.second_moments[0])
    optimizer.load_state_dict(fewer.state_dict())
    assert bool(optimizer.second_moments[0].all()) and not optimizer.second_moments[1].any()
    assert [float(own["step"]) for own in optimizer.state_dict()["state"].values()] == [1, 0, 0]


def test_no_compiler_is_imported_for_a_step() -> None:
    script = (
        "import sys, torch; from sample_factory.rl.adam import Adam; value = torch.ones(3, requires_grad=True);"
        "optimizer = Adam([value]); value.sum().backward(); optimizer.gradient_norm();"
        "optimizer.step(1e-3, 0.9, 0.999, 1e-8); sys.exit('torch._dynamo' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
