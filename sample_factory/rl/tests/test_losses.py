"""PPO losses against numbers worked out by hand and finite differences. Knows no model."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sample_factory.rl.losses import masked_mean, normalize_advantages, ppo_policy_loss, value_loss

ALL = torch.ones(4, dtype=torch.bool)


def test_policy_loss_values_worked_out_by_hand() -> None:
    ratios = torch.tensor([1.0, 2.0, 0.5, 2.0])
    advantages = torch.tensor([3.0, 1.0, -1.0, -2.0])
    # With e = 0.25 the range is [0.8, 1.25]: 3, min(2, 1.25), min(-0.5, -0.8), min(-4, -2.5).
    expected = -(3.0 + 1.25 - 0.8 - 4.0) / 4
    assert float(ppo_policy_loss(ratios.log(), advantages, ALL, 0.25)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [
        (1.0, 2.0, -2.0),  # inside the range: -advantage * ratio
        (1.2, 2.0, -2.4),
        (1.3, 2.0, 0.0),  # too high already and praised: clipped
        (1.3, -2.0, 2.6),  # too high and blamed: pulled back
        (0.7, -2.0, 0.0),
        (0.7, 2.0, -1.4),
        (25.0, -2.0, 0.0),  # outside [0.05, 20] no step counts
        (0.01, 2.0, 0.0),
    ],
)
def test_policy_gradient_follows_the_clipped_surrogate(ratio: float, advantage: float, slope: float) -> None:
    log_ratio = torch.tensor([math.log(ratio)], requires_grad=True)
    torch.autograd.backward(ppo_policy_loss(log_ratio, torch.tensor([advantage]), ALL[:1], 0.25))
    assert log_ratio.grad is not None
    assert log_ratio.grad.item() == pytest.approx(slope, rel=1e-5, abs=1e-9)


def test_extreme_ratios_are_bounded_and_keep_gradients_finite() -> None:
    log_ratios = torch.tensor([500.0, -500.0], requires_grad=True)
    loss = ppo_policy_loss(log_ratios, torch.tensor([-1.0, -1.0]), ALL[:2], 0.1)
    torch.autograd.backward(loss)
    assert float(loss.detach()) == pytest.approx((20.0 + 1 / 1.1) / 2)
    assert log_ratios.grad is not None and not log_ratios.grad.any()


def test_value_loss_takes_the_larger_of_both_errors() -> None:
    values = torch.tensor([2.0, 0.5, -1.0, 5.0])
    old = torch.tensor([0.0, 0.0, 0.0, 0.0])
    targets = torch.tensor([3.0, 3.0, 0.0, 0.5])
    # Clipped to +-1: 1, 0.5, -1, 1. Squared errors (1, 4), (6.25, 6.25), (1, 1), (20.25, 0.25).
    assert float(value_loss(values, old, targets, ALL, 1.0)) == pytest.approx((4.0 + 6.25 + 1.0 + 20.25) / 4)


def test_gradients_agree_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)
    x, a, b = (torch.randn(3, 5, generator=generator, dtype=torch.float64) for _ in range(3))
    valid = torch.rand(3, 5, generator=generator) < 0.7
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ppo_policy_loss(x, a, valid, 0.2), (x,))
    assert torch.autograd.gradcheck(lambda x: value_loss(x, a, b, valid, 0.5), (x,))


def test_invalid_entries_contribute_nothing_even_if_nan() -> None:
    valid = torch.tensor([True, False, True, False])
    clean = torch.tensor([0.1, 0.0, -0.2, 0.0])
    dirty = torch.where(valid, clean, math.nan)

    def losses(x: Tensor, y: Tensor) -> Tensor:
        return ppo_policy_loss(x, y, valid, 0.1) + value_loss(x, y, y + 1, valid, 0.05) + masked_mean(x, valid)

    leaf = dirty.clone().requires_grad_()
    loss = losses(leaf, dirty)
    torch.autograd.backward(loss)
    assert float(loss.detach()) == pytest.approx(float(losses(clean, clean)))
    assert leaf.grad is not None and leaf.grad[valid].all() and not leaf.grad[~valid].any()


def test_advantages_are_normalized_over_valid_entries_only() -> None:
    valid = torch.tensor([True, True, False, True])
    normalized = normalize_advantages(torch.tensor([1.0, 2.0, math.nan, 6.0]), valid)
    expected = (torch.tensor([1.0, 2.0, 6.0]) - 3.0) / torch.tensor([1.0, 2.0, 6.0]).std()
    torch.testing.assert_close(normalized[valid], expected)
    assert normalized[2] == 0.0


def test_equal_advantages_are_not_blown_up() -> None:
    torch.testing.assert_close(normalize_advantages(torch.full((4,), 5.0), ALL), torch.zeros(4))
    nearly = normalize_advantages(torch.tensor([0.0, 1e-5, 0.0, 1e-5]), ALL)
    assert float(nearly.abs().max()) == pytest.approx(5e-3, rel=1e-4)


def test_no_valid_entry_gives_zero_and_not_nan() -> None:
    none = torch.zeros(4, dtype=torch.bool)
    x = torch.full((4,), math.nan)
    assert float(ppo_policy_loss(x, x, none, 0.1)) == 0.0
    assert float(value_loss(x, x, x, none, 0.1)) == 0.0
    assert not normalize_advantages(x, none).any()
