"""Which predictions CPC|A makes, and its loss, against numbers worked out by hand. Knows no network."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sample_factory.rl.cpc import NUM_NEGATIVES, Pairs, cpc_loss, sample_pairs, unbroken_distances


def column(text: str) -> Tensor:
    """[T, 1] bool; "1" is true."""
    return torch.tensor([[character == "1"] for character in text])


def draw(
    valid: Tensor, resets: Tensor, extra: int = 1, forward: int = 3, times: int = 4, ahead: int = 2, seed: int = 0
) -> Pairs:
    generator = torch.Generator().manual_seed(seed)
    return sample_pairs(valid, resets, len(valid) + extra, forward, times, ahead, generator)


def test_a_prediction_is_unbroken_while_every_step_may_be_passed() -> None:
    starts = torch.tensor([[0], [1], [3], [5]])
    found = unbroken_distances(column("11101111"), starts, 3)
    assert found.squeeze(-1).int().tolist() == [[1, 1, 0, 1], [1, 1, 0, 1], [1, 0, 0, 1]]


@pytest.mark.parametrize("extra", [0, 1])
def test_pairs_stay_inside_their_trajectory_and_are_distinct(extra: int) -> None:
    valid, resets = torch.ones(12, 50, dtype=torch.bool), torch.zeros(12, 50, dtype=torch.bool)
    pairs = draw(valid, resets, extra)
    assert pairs.starts.shape == (4, 50) and pairs.aheads.shape == (2, 4, 50)
    assert set(pairs.aheads.unique().tolist()) == {1, 2, 3}
    assert set(pairs.starts.unique().tolist()) == set(range(12 + extra - 3))  # the longest distance fits from each
    for sampled in (pairs.starts, pairs.aheads):
        ordered = sampled.sort(0).values
        assert bool((ordered[1:] > ordered[:-1]).all())
    assert bool(pairs.unbroken.all())


def test_short_trajectories_have_fewer_starts() -> None:
    valid = torch.ones(4, 2, dtype=torch.bool)
    assert draw(valid, ~valid, extra=0).starts.shape == (1, 2)
    assert draw(valid, ~valid, extra=1).starts.sort(0).values.tolist() == [[0, 0], [1, 1]]


def test_no_prediction_crosses_a_reset_or_an_invalid_step() -> None:
    generator = torch.Generator().manual_seed(3)
    valid = torch.rand(16, 30, generator=generator) < 0.8
    resets = torch.rand(16, 30, generator=generator) < 0.2
    pairs = draw(valid, resets)
    assert pairs.unbroken.any() and not pairs.unbroken.all()
    for k, s, b in torch.cartesian_prod(*(torch.arange(size) for size in pairs.aheads.shape)).tolist():
        first, distance = int(pairs.starts[s, b]), int(pairs.aheads[k, s, b])
        steps = slice(first, first + distance)
        expected = bool(valid[steps, b].all()) and not bool(resets[steps, b].any())
        assert bool(pairs.unbroken[k, s, b]) == expected


def test_negatives_are_valid_steps_of_any_trajectory() -> None:
    valid = torch.rand(16, 30, generator=torch.Generator().manual_seed(3)) < 0.3
    pairs = draw(valid, torch.zeros_like(valid))
    assert pairs.negatives.shape == (2, 4, 30, NUM_NEGATIVES)
    assert set(pairs.negatives.unique().tolist()) == set(valid.flatten().nonzero().flatten().tolist())


def test_equal_generators_draw_equal_pairs() -> None:
    valid, resets = torch.ones(12, 5, dtype=torch.bool), torch.zeros(12, 5, dtype=torch.bool)
    one, same, other = draw(valid, resets), draw(valid, resets), draw(valid, resets, seed=1)
    assert all(torch.equal(left, right) for left, right in zip(one, same, strict=True))
    assert not torch.equal(one.starts, other.starts) and not torch.equal(one.negatives, other.negatives)


def test_the_loss_is_the_cross_entropy_of_both_kinds() -> None:
    positives = torch.tensor([[[1.0, -2.0]]])
    negatives = torch.tensor([[[[0.5, -0.5], [3.0, 0.0]]]])
    both = torch.ones(1, 1, 2, dtype=torch.bool)

    def surprise(probability: float) -> float:
        return -math.log(probability)

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    right = [surprise(sigmoid(1.0)), surprise(sigmoid(-2.0))]
    wrong = [
        (surprise(1 - sigmoid(0.5)) + surprise(1 - sigmoid(-0.5))) / 2,
        (surprise(1 - sigmoid(3.0)) + surprise(1 - sigmoid(0.0))) / 2,
    ]
    assert float(cpc_loss(positives, negatives, both)) == pytest.approx(sum(right) / 2 + sum(wrong) / 2)
    first = torch.tensor([[[True, False]]])
    assert float(cpc_loss(positives, negatives, first)) == pytest.approx(right[0] + wrong[0])


def test_guessing_costs_two_bits() -> None:
    shape = (2, 3, 4)
    zeros = torch.zeros(*shape, NUM_NEGATIVES)
    loss = cpc_loss(zeros[..., 0], zeros, torch.ones(shape, dtype=torch.bool))
    assert float(loss) == pytest.approx(2 * math.log(2))


def test_broken_pairs_give_neither_loss_nor_gradient_whatever_they_hold() -> None:
    positives = torch.tensor([[[0.3, math.nan]]], requires_grad=True)
    negatives = torch.tensor([[[[0.1, 0.2], [math.inf, math.nan]]]], requires_grad=True)
    loss = cpc_loss(positives, negatives, torch.tensor([[[True, False]]]))
    torch.autograd.backward(loss)
    assert math.isfinite(float(loss.detach())) and positives.grad is not None and negatives.grad is not None
    assert positives.grad[0, 0, 0] < 0 and positives.grad[0, 0, 1] == 0
    assert bool((negatives.grad[0, 0, 0] > 0).all()) and bool((negatives.grad[0, 0, 1] == 0).all())


def test_nothing_to_learn_from_costs_nothing() -> None:
    valid = torch.zeros(8, 2, dtype=torch.bool)
    pairs = draw(valid, valid)
    logits = torch.ones(pairs.aheads.shape)
    assert float(cpc_loss(logits, logits[..., None], pairs.unbroken)) == 0
