"""Tries a model out as sampler and learner use it, for what users may get wrong in their parts. Knows no training.

PPO compares the policy that acted with the policy that learns. Before the first update they are the same, so anything
in which they differ, however small the loss makes it look, is a mistake in the network.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sample_factory.models.actor_critic import ActorCritic
from sample_factory.rl import distributions
from sample_factory.rl.spaces import ActionPart, ContinuousDistribution, KeySpec

_STEPS, _ROWS = 4, 3
_TOLERANCE = 1e-3


def check_model(model: ActorCritic, keys: Mapping[str, KeySpec], device: str = "cpu", bfloat16: bool = False) -> None:
    """Act for a few random steps, and evaluate them as the learner does; the model is used up.

    Args:
        device: where it will be trained.
        bfloat16: whether actions will be computed in that precision.

    Raises:
        ValueError: in one line, what is wrong with an encoder, a core or a distribution.
    """
    model.to(device)
    generator = torch.Generator(device).manual_seed(0)
    for part in model.layout.parts:
        if part.distribution is not None:
            _check_distribution(part, part.distribution, generator)
    obs = {
        name: rows.view(_STEPS, _ROWS, *rows.shape[1:])
        for name, rows in _random_rows(keys, _STEPS * _ROWS, generator).items()
    }
    resets = torch.rand(_STEPS, _ROWS, generator=generator, device=device) < 0.3
    state = first = torch.randn(_ROWS, model.state_size, generator=generator, device=device)
    acted = []
    model.eval()  # as in the sampler
    for t in range(_STEPS):
        step = model.act({name: rows[t] for name, rows in obs.items()}, state, generator)
        if step.state.shape != state.shape or step.state.dtype != torch.float32:
            raise ValueError(
                f"the core's `step` returned a state of {step.state.dtype} {list(step.state.shape)}, "
                f"not of torch.float32 {list(state.shape)}"
            )
        state = torch.where(resets[t][:, None], 0.0, step.state)
        acted.append(step)
    model.train()  # as in the learner
    with torch.no_grad():
        params, values = model.evaluate(obs, first, resets)
        for t, step in enumerate(acted):
            _compare(step.action_logits, params[t], f"action parameters at step {t}")
            _compare(step.values, values[t], f"values at step {t}")
            mask = model.action_mask({name: rows[t] for name, rows in obs.items()})
            log_probs = distributions.log_prob(model.layout, params[t], step.actions, mask)
            _compare(step.log_probs, log_probs, f"log-probabilities at step {t}")
    if bfloat16:
        _check_bfloat16(model, {name: rows[0] for name, rows in obs.items()}, first)


def _check_bfloat16(model: ActorCritic, obs: Mapping[str, Tensor], state: Tensor) -> None:
    try:
        model.to_inference_precision(torch.bfloat16).act(obs, state)
    except RuntimeError as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"the network fails in bfloat16, in which actions are computed here ({reason}): bring inputs to the dtype "
            "of the weights, or use --precision=float32"
        ) from error


def _compare(acting: Tensor, learning: Tensor, what: str) -> None:
    if acting.shape != learning.shape:
        raise ValueError(f"acting gives {what} [{list(acting.shape)}], learning {list(learning.shape)}")
    difference = ((acting - learning).abs() / (1 + acting.abs())).max()
    if not difference < _TOLERANCE:  # NaN as well
        raise ValueError(
            f"acting and learning differ by {float(difference):.2g} in the {what}: the core's `sequence` must give "
            "what `step` gives, with zero state after a reset, and no layer may behave differently in training "
            "(dropout, batch normalisation)"
        )


def _check_distribution(part: ActionPart, distribution: ContinuousDistribution, generator: torch.Generator) -> None:
    shape = (_ROWS, distribution.num_params)
    params = torch.randn(shape, generator=generator, device=generator.device).requires_grad_()
    other = torch.randn(shape, generator=generator, device=generator.device)
    actions = distribution.sample(params.detach(), generator)
    results: dict[str, tuple[Tensor, list[int]]] = {
        "sample": (actions, [_ROWS, part.size]),
        "mode": (distribution.mode(params.detach()), [_ROWS, part.size]),
        "log_prob": (distribution.log_prob(params, actions), [_ROWS]),
        "entropy": (distribution.entropy(params), [_ROWS]),
        "kl": (distribution.kl(params, other), [_ROWS]),
    }
    name = type(distribution).__name__
    for method, (result, expected) in results.items():
        if list(result.shape) != expected:
            raise ValueError(f"{name}.{method} returned {list(result.shape)} instead of {expected} for {_ROWS} rows")
        if not bool(result.isfinite().all()):
            raise ValueError(f"{name}.{method} is not finite for parameters around 0")
    again = distribution.kl(params, params.detach())
    if not bool((again.abs() < _TOLERANCE).all()):
        raise ValueError(f"{name}.kl of a distribution to itself is {float(again.detach().abs().max()):.2g}, not 0")
    for method in ("log_prob", "entropy", "kl"):
        (gradient,) = torch.autograd.grad(results[method][0].sum(), params, retain_graph=True, allow_unused=True)
        if gradient is not None and not bool(gradient.isfinite().all()):
            raise ValueError(f"the gradient of {name}.{method} is not finite for parameters around 0")


def _random_rows(keys: Mapping[str, KeySpec], count: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Observations [count, *stored shape] of every key."""
    rows, device = {}, generator.device
    for name, spec in keys.items():
        shape = (count, *spec.shape)
        if spec.kind == "integer":
            columns = [torch.randint(size, (count, 1), generator=generator, device=device) for size in spec.categories]
            values = torch.cat(columns, 1)
        elif spec.dtype.kind == "f":
            values = torch.randn(shape, generator=generator, device=device)
        else:
            values = torch.randint(2 if spec.kind == "mask" else 127, shape, generator=generator, device=device)
        rows[name] = values.to(getattr(torch, spec.dtype.name))
    return rows
