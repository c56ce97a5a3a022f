"""Action distributions as pure functions of (layout, parameters). Knows no model and no device.

Parameters are [..., layout.num_logits] in the order of the parts: logits, means followed by log standard deviations, or
what a custom part has. Actions are [..., layout.num_actions]. Parts are independent, so log-probabilities, entropies
and divergences are sums over parts.

An optional `mask` [..., layout.mask_size] (int8 or bool, nonzero = allowed) forbids categories. A row in which nothing
is allowed behaves as a uniform choice of everything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from sample_factory.rl.spaces import ActionLayout, ActionPart

_FORBIDDEN = -1e9  # Finite, so gradients are; its probability is exactly 0 in float32.
_FEW_CATEGORIES = 16  # up to which it is three times as fast on the CPU to compute rows side by side
_MIN_LOG_STDDEV, _MAX_LOG_STDDEV = math.log(1e-5), math.log(1e5)
_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class _Slice(NamedTuple):
    """One part's columns."""

    part: ActionPart
    params: Tensor
    mask: Tensor | None


# hot path
def sample_with_log_prob(
    layout: ActionLayout, params: Tensor, mask: Tensor | None = None, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Random actions [..., num_actions] (int32, or float32 if a part is continuous), their log-probabilities [...]."""
    if len(layout.parts) == 1 and layout.parts[0].kind == "categorical":
        actions, log_probs = _sample_categorical(_log_softmax(params, mask), generator)
        return actions.to(torch.int32), log_probs
    columns, total = [], None
    for part, part_params, part_mask in _split(layout, params, mask):
        if part.kind == "categorical":
            actions, log_probs = _sample_categorical(_log_softmax(part_params, part_mask), generator)
        elif part.distribution is not None:
            actions = part.distribution.sample(part_params, generator)
            log_probs = part.distribution.log_prob(part_params, actions)
        else:
            mean, log_std = _mean_log_std(part_params)
            noise = torch.randn(mean.shape, generator=generator, device=mean.device)
            actions = mean + log_std.exp() * noise
            log_probs = (-0.5 * noise.square() - log_std - _HALF_LOG_2PI).sum(-1)
        columns.append(actions.to(_dtype(layout)))
        total = log_probs if total is None else total + log_probs
    assert total is not None
    return torch.cat(columns, -1), total


def sample(
    layout: ActionLayout, params: Tensor, mask: Tensor | None = None, generator: torch.Generator | None = None
) -> Tensor:
    """Random actions [..., num_actions]."""
    return sample_with_log_prob(layout, params, mask, generator)[0]


def mode(layout: ActionLayout, params: Tensor, mask: Tensor | None = None) -> Tensor:
    """Most probable actions [..., num_actions]."""
    columns = []
    for part, part_params, part_mask in _split(layout, params, mask):
        if part.kind == "categorical":
            actions = _masked(part_params, part_mask).argmax(-1, keepdim=True)
        elif part.distribution is not None:
            actions = part.distribution.mode(part_params)
        else:
            actions = _mean_log_std(part_params)[0]
        columns.append(actions.to(_dtype(layout)))
    return torch.cat(columns, -1)


def usable_params(layout: ActionLayout, params: Tensor, mask: Tensor | None = None) -> Tensor:
    """Parameters [..., num_logits] from which actions can be drawn without knowing the mask or any limit.

    Forbidden categories have -1e9, and log standard deviations lie within their limits.
    """
    columns = []
    for part, part_params, part_mask in _split(layout, params, mask):
        if part.kind == "categorical":
            columns.append(_masked(part_params, part_mask))
        elif part.distribution is not None:
            columns.append(part_params)
        else:
            columns.extend(_mean_log_std(part_params))
    return torch.cat(columns, -1)


def log_prob(layout: ActionLayout, params: Tensor, actions: Tensor, mask: Tensor | None = None) -> Tensor:
    """Log-probability (density, for continuous parts) [...] of `actions` [..., num_actions]."""
    used, terms = 0, []
    for part, part_params, part_mask in _split(layout, params, mask):
        chosen = actions[..., used : used + part.num_actions]
        used += part.num_actions
        if part.kind == "categorical":
            terms.append(_log_softmax(part_params, part_mask).gather(-1, chosen.long()).squeeze(-1))
        elif part.distribution is not None:
            terms.append(part.distribution.log_prob(part_params, chosen))
        else:
            mean, log_std = _mean_log_std(part_params)
            noise = (chosen - mean) * (-log_std).exp()
            terms.append((-0.5 * noise.square() - log_std - _HALF_LOG_2PI).sum(-1))
    return _sum(terms)


def entropy(layout: ActionLayout, params: Tensor, mask: Tensor | None = None) -> Tensor:
    """Entropy in nats [...] (differential, for continuous parts)."""
    terms = []
    for part, part_params, part_mask in _split(layout, params, mask):
        if part.kind == "categorical":
            log_probs = _log_softmax(part_params, part_mask)
            terms.append(-(log_probs.exp() * log_probs).sum(-1))
        elif part.distribution is not None:
            terms.append(part.distribution.entropy(part_params))
        else:
            terms.append((_mean_log_std(part_params)[1] + (_HALF_LOG_2PI + 0.5)).sum(-1))
    return _sum(terms)


def kl(layout: ActionLayout, p_params: Tensor, q_params: Tensor, mask: Tensor | None = None) -> Tensor:
    """KL(p || q) in nats [...]; the mask applies to both."""
    terms = []
    for p, q in zip(_split(layout, p_params, mask), _split(layout, q_params, mask), strict=True):
        if p.part.kind == "categorical":
            p_log, q_log = _log_softmax(p.params, p.mask), _log_softmax(q.params, q.mask)
            terms.append((p_log.exp() * (p_log - q_log)).sum(-1))
        elif p.part.distribution is not None:
            terms.append(p.part.distribution.kl(p.params, q.params))
        else:
            (p_mean, p_log_std), (q_mean, q_log_std) = _mean_log_std(p.params), _mean_log_std(q.params)
            log_ratio = p_log_std - q_log_std
            distance = ((p_mean - q_mean) * (-q_log_std).exp()).square()
            terms.append((0.5 * ((2.0 * log_ratio).exp() + distance - 1.0) - log_ratio).sum(-1))
    return _sum(terms)


def symmetric_kl_to_uniform(layout: ActionLayout, params: Tensor, mask: Tensor | None = None) -> Tensor:
    """(KL(p || u) + KL(u || p)) / 2 in nats [...], u uniform over the allowed categories.

    All parts must be categorical: on an unbounded continuous space there is no uniform distribution.
    """
    terms = []
    for part, part_params, part_mask in _split(layout, params, mask):
        assert part.kind == "categorical"
        log_probs = _log_softmax(part_params, part_mask)
        allowed = torch.ones_like(log_probs) if part_mask is None else (part_mask != 0).to(log_probs.dtype)
        # A row in which nothing is allowed counts as one in which everything is.
        allowed = torch.where(allowed.any(-1, keepdim=True), allowed, 1.0)
        uniform = allowed / allowed.sum(-1, keepdim=True)
        # (p - u) . (log p - log u) = KL(p || u) + KL(u || p); both factors are taken as 0 where forbidden.
        excess = torch.where(allowed > 0, log_probs + allowed.sum(-1, keepdim=True).log(), 0.0)
        terms.append(0.5 * ((log_probs.exp() - uniform) * excess).sum(-1))
    return _sum(terms)


# hot path
def _sample_categorical(log_probs: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
    """Indices [..., 1] (int64) and their log-probabilities [...], by inverting the cumulative distribution.

    One random number a row. Forbidden categories do not raise the cumulative sum, so none can be chosen.
    """
    cumulative = log_probs.exp().cumsum(-1)
    last = cumulative[..., -1:]
    uniform = torch.rand(last.shape, generator=generator, device=log_probs.device)
    index = torch.searchsorted(cumulative, uniform * last, right=True)
    index = index.clamp_(max=log_probs.shape[-1] - 1)  # Only NaN parameters can get there.
    return index, log_probs.gather(-1, index).squeeze(-1)


def _split(layout: ActionLayout, params: Tensor, mask: Tensor | None) -> Iterator[_Slice]:
    assert params.shape[-1] == layout.num_logits, (params.shape, layout.num_logits)
    assert mask is None or mask.shape[-1] == layout.mask_size, "one mask entry per category is needed"
    params_at = mask_at = 0
    for part in layout.parts:
        columns = params[..., params_at : params_at + part.num_logits]
        params_at += part.num_logits
        if mask is None or part.kind != "categorical":
            yield _Slice(part, columns, None)
        else:
            yield _Slice(part, columns, mask[..., mask_at : mask_at + part.size])
            mask_at += part.size


def _masked(logits: Tensor, mask: Tensor | None) -> Tensor:
    return logits if mask is None else logits.masked_fill(mask == 0, _FORBIDDEN)


def _log_softmax(logits: Tensor, mask: Tensor | None) -> Tensor:
    logits = _masked(logits, mask)
    if logits.shape[-1] > _FEW_CATEGORIES:
        return torch.log_softmax(logits, -1)
    return torch.log_softmax(logits.movedim(-1, 0).contiguous(), 0).movedim(0, -1)


def _mean_log_std(params: Tensor) -> tuple[Tensor, Tensor]:
    mean, log_std = params.chunk(2, -1)
    return mean, log_std.clamp(_MIN_LOG_STDDEV, _MAX_LOG_STDDEV)


def _dtype(layout: ActionLayout) -> torch.dtype:
    return torch.int32 if all(part.kind == "categorical" for part in layout.parts) else torch.float32


def _sum(terms: list[Tensor]) -> Tensor:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
