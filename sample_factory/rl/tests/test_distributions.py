"""Action distributions against torch.distributions, and their behaviour under masks. Knows no model."""

from __future__ import annotations

import math

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution, Normal, kl_divergence

from sample_factory.rl import distributions as d
from sample_factory.rl.spaces import ActionLayout, action_layout

ROWS = 6
DISCRETE = action_layout(gym.spaces.Discrete(5))
SPACES: dict[str, gym.Space[object]] = {
    "discrete": gym.spaces.Discrete(5),
    "multi": gym.spaces.MultiDiscrete([3, 2, 4]),
    "box": gym.spaces.Box(-1, 1, (3,), np.float32),
    "mix": gym.spaces.Tuple((gym.spaces.Discrete(3), gym.spaces.Box(-1, 1, (2,), np.float32), gym.spaces.Discrete(2))),
}
CATEGORICAL = ["discrete", "multi"]


def random_params(layout: ActionLayout, seed: int = 0, rows: int = ROWS) -> Tensor:
    return torch.randn(rows, layout.num_logits, generator=torch.Generator().manual_seed(seed))


def random_mask(layout: ActionLayout, seed: int = 0, rows: int = ROWS) -> Tensor:
    mask = (torch.rand(rows, layout.mask_size, generator=torch.Generator().manual_seed(seed)) < 0.6).to(torch.int8)
    first = 0
    for part in layout.parts:
        if part.kind == "categorical":
            mask[:, first + seed % part.size] = 1
            first += part.size
    return mask


def reference(layout: ActionLayout, params: Tensor, mask: Tensor | None = None) -> list[Distribution]:
    out: list[Distribution] = []
    at = mask_at = 0
    for part in layout.parts:
        columns = params[:, at : at + part.num_logits]
        at += part.num_logits
        if part.kind == "gaussian":
            mean, log_std = columns[:, : part.size], columns[:, part.size :]
            out.append(torch.distributions.Independent(Normal(mean, log_std.exp()), 1))
            continue
        if mask is not None:
            columns = columns.masked_fill(mask[:, mask_at : mask_at + part.size] == 0, -math.inf)
            mask_at += part.size
        out.append(Categorical(logits=columns))
    return out


def reference_log_prob(layout: ActionLayout, parts: list[Distribution], actions: Tensor) -> Tensor:
    total, at = torch.zeros(len(actions)), 0
    for part, distribution in zip(layout.parts, parts, strict=True):
        chosen = actions[:, at : at + part.num_actions]
        at += part.num_actions
        total = total + distribution.log_prob(chosen if part.kind == "gaussian" else chosen[:, 0].long())
    return total


@pytest.mark.parametrize("name", list(SPACES))
def test_log_prob_entropy_and_kl_agree_with_torch_in_value_and_gradient(name: str) -> None:
    layout = action_layout(SPACES[name])
    actions = d.sample(layout, random_params(layout), generator=torch.Generator().manual_seed(1))
    results = []
    for ours in (True, False):
        p, q = (random_params(layout, seed).requires_grad_() for seed in (2, 3))
        if ours:
            terms = [d.log_prob(layout, p, actions), d.entropy(layout, p), d.kl(layout, p, q)]
        else:
            ps, qs = reference(layout, p), reference(layout, q)
            terms = [reference_log_prob(layout, ps, actions), torch.stack([x.entropy() for x in ps]).sum(0)]
            terms.append(torch.stack([kl_divergence(x, y) for x, y in zip(ps, qs, strict=True)]).sum(0))
        torch.autograd.backward(torch.stack([(i + 1) * term.sum() for i, term in enumerate(terms)]).sum())
        results.append([*terms, p.grad, q.grad])
    for ours_result, reference_result in zip(*results, strict=True):
        torch.testing.assert_close(ours_result, reference_result, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", list(SPACES))
def test_samples_have_the_layout_and_come_with_their_log_prob(name: str) -> None:
    layout = action_layout(SPACES[name])
    params = random_params(layout)
    actions, log_probs = d.sample_with_log_prob(layout, params, None, torch.Generator().manual_seed(0))
    assert actions.shape == (ROWS, layout.num_actions)
    assert actions.numpy().dtype == layout.dtype
    torch.testing.assert_close(log_probs, d.log_prob(layout, params, actions), rtol=1e-5, atol=1e-5)
    again, _ = d.sample_with_log_prob(layout, params, None, torch.Generator().manual_seed(0))
    assert torch.equal(actions, again)
    other = d.sample(layout, params.repeat(20, 1), None, torch.Generator().manual_seed(1))
    assert not torch.equal(actions.repeat(20, 1), other)


@pytest.mark.parametrize("masked", [False, True])
def test_sampling_frequencies_are_the_probabilities(masked: bool) -> None:
    layout = action_layout(gym.spaces.MultiDiscrete([4, 3]))
    params = random_params(layout, rows=1)
    mask = torch.tensor([[0, 1, 1, 0, 1, 0, 1]], dtype=torch.int8) if masked else None
    count = 40_000
    many_masks = None if mask is None else mask.expand(count, -1)
    actions = d.sample(layout, params.expand(count, -1), many_masks, torch.Generator().manual_seed(0))
    parts = reference(layout, params, mask)
    for column, (part, size) in enumerate(zip(parts, (4, 3), strict=True)):
        assert isinstance(part, Categorical)
        expected = part.probs[0] * count
        observed = torch.bincount(actions[:, column], minlength=size).float()
        possible = expected > 0
        assert not observed[~possible].any()
        chi_square = ((observed - expected).square() / expected)[possible].sum()
        # 3 degrees of freedom at most: 0.1 % of seeds exceed 16.3.
        assert float(chi_square) < 16.3


def test_gaussian_samples_have_the_moments_they_should() -> None:
    layout = action_layout(SPACES["box"])
    params = torch.tensor([[1.0, -2.0, 0.0, 0.0, -1.0, 0.5]])
    actions = d.sample(layout, params.expand(40_000, -1), None, torch.Generator().manual_seed(0))
    torch.testing.assert_close(actions.mean(0), params[0, :3], rtol=0, atol=0.03)
    torch.testing.assert_close(actions.std(0), params[0, 3:].exp(), rtol=0.02, atol=0)


@pytest.mark.parametrize("name", CATEGORICAL)
@pytest.mark.parametrize("dtype", [torch.int8, torch.bool])
def test_masked_distributions_agree_with_torch(name: str, dtype: torch.dtype) -> None:
    layout = action_layout(SPACES[name])
    params, other, mask = random_params(layout, 1), random_params(layout, 2), random_mask(layout, 1).to(dtype)
    parts, others = reference(layout, params, mask), reference(layout, other, mask)
    actions = d.sample(layout, params, mask, torch.Generator().manual_seed(0))
    allowed = torch.isfinite(reference_log_prob(layout, parts, actions))
    assert allowed.all()
    torch.testing.assert_close(d.log_prob(layout, params, actions, mask), reference_log_prob(layout, parts, actions))

    def entropy(part: Distribution) -> Tensor:
        assert isinstance(part, Categorical)
        terms: Tensor = torch.special.xlogy(part.probs, part.probs)
        return -terms.sum(-1)

    torch.testing.assert_close(d.entropy(layout, params, mask), torch.stack([entropy(p) for p in parts]).sum(0))
    kls = []
    for p, q in zip(parts, others, strict=True):
        assert isinstance(p, Categorical) and isinstance(q, Categorical)
        kls.append((torch.special.xlogy(p.probs, p.probs) - torch.special.xlogy(p.probs, q.probs)).nansum(-1))
    torch.testing.assert_close(d.kl(layout, params, other, mask), torch.stack(kls).sum(0), rtol=1e-5, atol=1e-6)
    assert d.log_prob(layout, params, d.mode(layout, params, mask), mask).isfinite().all()


def test_forbidden_categories_get_no_gradient_and_everything_stays_finite() -> None:
    params = random_params(DISCRETE).requires_grad_()
    mask = random_mask(DISCRETE)
    actions = d.sample(DISCRETE, params.detach(), mask, torch.Generator().manual_seed(0))
    total = d.log_prob(DISCRETE, params, actions, mask) + d.entropy(DISCRETE, params, mask)
    total = total + d.kl(DISCRETE, params, random_params(DISCRETE, 5), mask)
    total = total + d.symmetric_kl_to_uniform(DISCRETE, params, mask)
    torch.autograd.backward(total.sum())
    assert params.grad is not None and params.grad.isfinite().all()
    assert not params.grad[mask == 0].any() and params.grad[mask == 1].any()


def test_a_row_that_allows_nothing_is_uniform() -> None:
    params = random_params(DISCRETE, rows=5_000).requires_grad_()
    nothing = torch.zeros(5_000, 5, dtype=torch.int8)
    actions, log_probs = d.sample_with_log_prob(DISCRETE, params, nothing, torch.Generator().manual_seed(0))
    torch.testing.assert_close(log_probs.detach(), torch.full((5_000,), -math.log(5)))
    assert torch.bincount(actions[:, 0]).min() > 900
    entropy, distance = d.entropy(DISCRETE, params, nothing), d.symmetric_kl_to_uniform(DISCRETE, params, nothing)
    torch.testing.assert_close(entropy.detach(), torch.full((5_000,), math.log(5)))
    torch.testing.assert_close(distance.detach(), torch.zeros(5_000), rtol=0, atol=1e-6)
    torch.autograd.backward((entropy + distance).sum())
    assert params.grad is not None and not params.grad.any()


def test_the_only_allowed_category_is_always_taken() -> None:
    params = torch.full((1000, 5), 50.0)
    params[:, 2] = -50.0
    mask = torch.zeros(1000, 5, dtype=torch.int8)
    mask[:, 2] = 1
    actions, log_probs = d.sample_with_log_prob(DISCRETE, params, mask, torch.Generator().manual_seed(0))
    assert (actions == 2).all() and not log_probs.any()


@pytest.mark.parametrize("uniform", [0.0, 1.0 - 2.0**-24])
def test_not_even_the_extreme_random_numbers_reach_a_forbidden_category(
    uniform: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(shape, uniform))
    params = random_params(DISCRETE, rows=200) * 5
    mask = torch.tensor([0, 1, 1, 1, 0], dtype=torch.int8).expand(200, -1)
    actions, log_probs = d.sample_with_log_prob(DISCRETE, params, mask)
    assert ((actions >= 1) & (actions <= 3)).all() and (log_probs > -1e6).all()


def test_symmetric_kl_equals_both_divergences_by_torch() -> None:
    layout = action_layout(SPACES["multi"])
    params = random_params(layout)
    expected = torch.zeros(ROWS)
    for part in reference(layout, params):
        assert isinstance(part, Categorical)
        uniform = Categorical(logits=torch.zeros_like(part.logits))
        expected = expected + 0.5 * (kl_divergence(part, uniform) + kl_divergence(uniform, part))
    torch.testing.assert_close(d.symmetric_kl_to_uniform(layout, params), expected, rtol=1e-5, atol=1e-6)


def test_symmetric_kl_under_a_mask_is_that_of_the_allowed_categories_alone() -> None:
    params = random_params(DISCRETE)
    mask = torch.tensor([1, 0, 1, 1, 0], dtype=torch.int8).expand(ROWS, -1)
    alone = d.symmetric_kl_to_uniform(action_layout(gym.spaces.Discrete(3)), params[:, [0, 2, 3]])
    torch.testing.assert_close(d.symmetric_kl_to_uniform(DISCRETE, params, mask), alone)


def test_stddev_is_bounded() -> None:
    layout = action_layout(gym.spaces.Box(-1, 1, (1,), np.float32))
    narrow, wide = torch.tensor([[0.0, -100.0]]), torch.tensor([[0.0, 100.0]])
    zero = torch.zeros(1, 1)
    assert float(d.log_prob(layout, narrow, zero)) == pytest.approx(-math.log(1e-5) - 0.9189385, rel=1e-5)
    assert float(d.log_prob(layout, wide, zero)) == pytest.approx(-math.log(1e5) - 0.9189385, rel=1e-5)


def test_mode_is_the_most_probable_action() -> None:
    layout = action_layout(SPACES["mix"])
    params = random_params(layout)
    mode = d.mode(layout, params)
    best = d.log_prob(layout, params, mode)
    for seed in range(20):
        sampled = d.sample(layout, params, None, torch.Generator().manual_seed(seed))
        assert (d.log_prob(layout, params, sampled) <= best + 1e-6).all()


def test_time_and_batch_axes_are_carried_through() -> None:
    layout = action_layout(SPACES["mix"])
    params = random_params(layout, rows=6).view(2, 3, -1)
    mask = torch.ones(2, 3, layout.mask_size, dtype=torch.int8)
    actions, log_probs = d.sample_with_log_prob(layout, params, mask)
    assert actions.shape == (2, 3, layout.num_actions) and log_probs.shape == (2, 3)
    assert d.entropy(layout, params, mask).shape == d.kl(layout, params, params, mask).shape == (2, 3)


def test_nan_parameters_still_give_a_member_of_the_space() -> None:
    actions, log_probs = d.sample_with_log_prob(DISCRETE, torch.full((3, 5), math.nan))
    assert ((actions >= 0) & (actions < 5)).all() and log_probs.isnan().all()
