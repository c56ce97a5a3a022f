"""The APPO loss of one minibatch, put together from the pure functions of `rl`. Knows no optimizer and no device."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from sample_factory.config.learning import LearningConfig
from sample_factory.rl import distributions
from sample_factory.rl.losses import masked_mean, ppo_policy_loss, value_loss
from sample_factory.rl.spaces import ActionLayout


class Minibatch(NamedTuple):
    """What the loss is computed from; [t, b] are any steps of any rows."""

    actions: Tensor  # [t, b, num_actions]
    old_logits: Tensor  # [t, b, num_logits]
    old_log_probs: Tensor  # [t, b]
    old_values: Tensor  # [t, b]
    advantages: Tensor  # [t, b] normalised
    targets: Tensor  # [t, b] what the value head should predict
    valid: Tensor  # [t, b] bool
    mask: Tensor | None  # [t, b, mask_size] of allowed actions


class LossTerms(NamedTuple):
    """Scalars; `total` has the gradient. The auxiliary loss, if there is one, is added by the learner."""

    total: Tensor
    policy: Tensor
    value: Tensor
    exploration: Tensor
    kl: Tensor
    auxiliary: Tensor | None = None


def appo_loss(
    minibatch: Minibatch,
    log_ratios: Tensor,
    logits: Tensor,
    values: Tensor,
    layout: ActionLayout,
    options: LearningConfig,
) -> LossTerms:
    """PPO's clipped surrogate, clipped value loss, exploration and KL terms; means over valid steps.

    Args:
        log_ratios: [t, b] log pi(a|x) - log mu(a|x), 0 where invalid.
        logits: [t, b, num_logits] of the current policy.
        values: [t, b] of the current value head.
    """
    valid = minibatch.valid
    policy = ppo_policy_loss(log_ratios, minibatch.advantages, valid, options.ppo_clip_ratio)
    value = options.value_loss_coeff * value_loss(
        values, minibatch.old_values, minibatch.targets, valid, options.ppo_clip_value
    )
    exploration = _exploration_loss(minibatch, logits, layout, options)
    kl = logits.new_zeros(())
    if options.kl_loss_coeff:
        divergence = distributions.kl(layout, logits, minibatch.old_logits, minibatch.mask)
        kl = options.kl_loss_coeff * masked_mean(divergence, valid)
    return LossTerms(policy + value + exploration + kl, policy, value, exploration, kl)


def _exploration_loss(minibatch: Minibatch, logits: Tensor, layout: ActionLayout, options: LearningConfig) -> Tensor:
    if not options.exploration_loss_coeff:
        return logits.new_zeros(())
    if options.exploration_loss == "entropy":
        entropy = distributions.entropy(layout, logits, minibatch.mask)
        return -options.exploration_loss_coeff * masked_mean(entropy, minibatch.valid)
    divergence = distributions.symmetric_kl_to_uniform(layout, logits, minibatch.mask)
    return options.exploration_loss_coeff * masked_mean(divergence, minibatch.valid).clamp(max=_MAX_SYMMETRIC_KL)


_MAX_SYMMETRIC_KL = 30.0


@torch.no_grad()
def loss_statistics(
    minibatch: Minibatch,
    terms: LossTerms,
    log_ratios: Tensor,
    logits: Tensor,
    values: Tensor,
    layout: ActionLayout,
    clip_ratio: float,
) -> dict[str, float]:
    """What is worth plotting of one minibatch, under the summary names `train/<key>`."""
    valid = minibatch.valid

    def chosen(tensor: Tensor) -> Tensor:
        return tensor[valid].float() if bool(valid.any()) else torch.zeros(1, device=tensor.device)

    ratios = chosen(log_ratios).exp()
    divergence = chosen(distributions.kl(layout, logits, minibatch.old_logits, minibatch.mask))
    delta = chosen((values - minibatch.old_values).abs())
    advantages = chosen(minibatch.advantages)
    clipped = (ratios > 1 + clip_ratio) | (ratios < 1 / (1 + clip_ratio))
    statistics = {
        "loss": terms.total,
        "policy_loss": terms.policy,
        "value_loss": terms.value,
        "exploration_loss": terms.exploration,
        "kl_loss": terms.kl,
        "valids_fraction": valid.float().mean(),
        "value": chosen(values).mean(),
        "entropy": chosen(distributions.entropy(layout, logits, minibatch.mask)).mean(),
        "adv_min": advantages.min(),
        "adv_max": advantages.max(),
        "adv_std": advantages.std(correction=0),
        "max_abs_logprob": chosen(minibatch.old_log_probs).abs().max(),
        "kl_divergence": divergence.mean(),
        "kl_divergence_max": divergence.max(),
        "value_delta": delta.mean(),
        "value_delta_max": delta.max(),
        "fraction_clipped": clipped.float().mean(),
        "ratio_mean": (1 - ratios).abs().mean(),
        "ratio_min": ratios.min(),
        "ratio_max": ratios.max(),
    }
    if any(part.kind != "categorical" for part in layout.parts):
        actions = minibatch.actions[valid].float() if bool(valid.any()) else minibatch.actions[:1, :1].float()
        statistics |= {
            "action_mean": actions.mean(),
            "action_mean_min": actions.min(),
            "action_mean_max": actions.max(),
        }
    return {name: float(value) for name, value in statistics.items()}
