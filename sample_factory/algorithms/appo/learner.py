"""The learner: batches in, better weights out. Knows no block, no process and no file."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from sample_factory.algorithms.appo.auxiliary import AuxiliaryLoss
from sample_factory.algorithms.appo.batch import Batch, clear_ignored
from sample_factory.algorithms.appo.loss import LossTerms, Minibatch, appo_loss, loss_statistics
from sample_factory.algorithms.appo.plan import useful_slices
from sample_factory.algorithms.appo.segments import Segments, in_chunks, select_columns, split_columns
from sample_factory.config.learning import LearningConfig
from sample_factory.models.actor_critic import ActorCritic
from sample_factory.rl import distributions
from sample_factory.rl.adam import Adam
from sample_factory.rl.losses import masked_mean, normalize_advantages
from sample_factory.rl.normalization import (
    RunningMeanStd,
    denormalize,
    initial_statistics,
    normalize,
    update_statistics,
)
from sample_factory.rl.returns import gae, vtrace
from sample_factory.rl.schedules import kl_adaptive_learning_rate
from sample_factory.rl.spaces import MASK_KEY
from sample_factory.system.liveness import still_alive

_SAME_LOSS = 1e-6


class Learner:
    """Trains one policy's model with PPO on V-trace or GAE advantages."""

    def __init__(
        self,
        model: ActorCritic,
        options: LearningConfig,
        rollout: int,
        bfloat16: bool,
        seed: int,
        num_slices: int = 1,
    ) -> None:
        """
        Args:
            num_slices: into how many slices of its trajectories a minibatch is cut, each computed in a thread of its
                own. On the CPU that is faster than one batch with as many OpenMP threads, whose convolutions wait
                for each other spinning (0.3 s a batch on two idle cores, 2 to 11 s on two busy ones).
        """
        self.model = model
        self.train_step = 0
        """Updates (minibatches) so far: the policy version."""
        self.learning_rate = options.learning_rate
        self._layout, self._options, self._rollout = model.layout, options, rollout
        self._device = next(model.parameters()).device
        self._neutral_action = distributions.mode(model.layout, torch.zeros(model.layout.num_logits)).to(self._device)
        self._num_weights = sum(weights.numel() for weights in model.parameters())
        self._bfloat16 = bfloat16
        self._num_slices = num_slices
        self._map = ThreadPoolExecutor(num_slices, "learner").map if num_slices > 1 else map
        self._generator = torch.Generator().manual_seed(seed)
        self._returns = initial_statistics(1) if options.normalize_returns else None
        self._auxiliary = AuxiliaryLoss(model, options, self._generator) if options.use_cpc else None
        networks = [model] if self._auxiliary is None else [model, self._auxiliary.network]
        # The policy's first: a run may switch the auxiliary loss on and off.
        self._optimizer = Adam(parameter for network in networks for parameter in network.parameters())

    def retune(self, options: LearningConfig) -> None:
        """Train with other numbers from the next batch on; choices of network, schedule and precision must stay."""
        if options.learning_rate != self._options.learning_rate:  # not what a schedule has made of it
            self.learning_rate = options.learning_rate
        self._options = options

    def train(self, batch: Batch, with_statistics: bool) -> dict[str, float]:
        """All epochs over one iteration's batch; returns `train/*` statistics of the last minibatch if asked for."""
        options = self._options
        batch.valid.logical_and_(batch.own)
        clear_ignored(batch, self._neutral_action)
        rewards = self._scaled_rewards(batch)
        advantages = None if options.with_vtrace else self._gae(batch, rewards)
        statistics: dict[str, float] = {}
        divergences: list[float] = []
        last_policy_loss = float("inf")
        for epoch in range(options.ppo_epochs):
            policy_losses = []
            minibatches = list(self._minibatches(batch, rewards, advantages))
            for i, part in enumerate(minibatches):
                still_alive()  # with a large network on few cores, all of them take minutes
                last = epoch == options.ppo_epochs - 1 and i == len(minibatches) - 1
                terms, divergence, found = self._update(part, with_statistics and last)
                statistics |= found
                divergences.append(divergence)
                policy_losses.append(terms.policy.detach())
                self._adapt_learning_rate("kl_adaptive_minibatch", divergences[-1:])
            self._adapt_learning_rate("kl_adaptive_epoch", divergences[-len(minibatches) :])
            if options.ppo_epochs > 1:
                policy_loss = float(torch.stack(policy_losses).mean())
                if abs(policy_loss - last_policy_loss) < _SAME_LOSS:
                    break  # nothing changes any more
                last_policy_loss = policy_loss
        self.model.update_normalizers({name: tensor[:-1] for name, tensor in batch.obs.items()}, batch.valid)
        if with_statistics:
            statistics |= self._run_statistics(batch)
        return statistics

    def _scaled_rewards(self, batch: Batch) -> Tensor:
        options = self._options
        rewards = (batch.rewards * options.reward_scale).clamp(-options.reward_clip, options.reward_clip)
        if options.max_entropy_coeff:
            mask = _mask(batch.obs, slice(0, self._rollout))
            entropy = distributions.entropy(self._layout, batch.action_logits, mask)
            rewards = rewards + options.max_entropy_coeff * torch.where(batch.valid, entropy, 0.0)
        return rewards

    def _gae(self, batch: Batch, rewards: Tensor) -> tuple[Tensor, Tensor]:
        """Advantages and returns from the values that the acting policy saw.

        Only the bootstrap value is computed anew.
        """
        with torch.no_grad(), self._precision():
            features = self.model.features({name: tensor[-1] for name, tensor in batch.obs.items()})
            last = self.model.heads(self.model.step(features, batch.states[-1])[0])[1]
        values = self._denormalized(torch.cat([batch.values, last[None].float()]))
        options = self._options
        advantages, returns = gae(
            rewards,
            batch.terminated,
            batch.valid,
            batch.resets,
            values,
            gamma=options.gamma,
            gae_lambda=options.gae_lambda,
        )
        return normalize_advantages(advantages, batch.valid), returns

    def _minibatches(
        self, batch: Batch, rewards: Tensor, advantages: tuple[Tensor, Tensor] | None
    ) -> Iterator[Segments]:
        """The whole batch if it is one minibatch, else random ones: of trajectories (V-trace) or of chunks (GAE)."""
        whole = Segments(
            obs=batch.obs,
            state=batch.states[0],
            resets=batch.resets,
            actions=batch.actions,
            logits=batch.action_logits,
            log_probs=batch.log_probs,
            values=batch.values,
            rewards=rewards,
            terminated=batch.terminated,
            valid=batch.valid,
            advantages=advantages[0] if advantages else None,
            targets=advantages[1] if advantages else None,
        )
        if advantages is not None:
            whole = in_chunks(whole, batch.states, min(self._options.recurrence, self._rollout))
        steps, columns = whole.actions.shape[:2]
        size = min(self._options.batch_size // steps, columns)
        if size == columns:
            yield whole
            return
        order = torch.randperm(columns, generator=self._generator).to(self._device)
        for start in range(0, columns, size):
            yield select_columns(whole, order[start : start + size])

    def _update(self, part: Segments, with_statistics: bool) -> tuple[LossTerms, float, dict[str, float]]:
        """One optimizer step; returns the loss terms, the KL divergence if needed, and statistics if asked for."""
        steps = len(part.actions)
        mask = _mask(part.obs, slice(0, steps))
        outputs = self._forward(part)
        joined = _joined(outputs)
        logits, values = joined[:2]
        now, last = logits[:steps], values[:steps]
        log_probs = distributions.log_prob(self._layout, now, part.actions, mask)
        log_ratios = (log_probs - part.log_probs).masked_fill(~part.valid, 0.0)
        advantages, targets = self._advantages(part, log_ratios.detach(), values.detach())
        minibatch = Minibatch(
            part.actions, part.logits, part.log_probs, part.values, advantages, targets, part.valid, mask
        )
        terms = appo_loss(minibatch, log_ratios, now, last, self._layout, self._options)
        if self._auxiliary is not None:
            features, core_out = joined[2:]
            auxiliary = self._auxiliary(features, core_out, part.actions, part.valid, part.resets)
            terms = terms._replace(total=terms.total + auxiliary, auxiliary=auxiliary.detach())
        self._optimizer.clear_gradients()
        terms.total.backward()  # type: ignore[no-untyped-call]
        self._backward(outputs, joined)
        norm = self._step(with_statistics)
        self.train_step += 1
        statistics = {}
        if with_statistics:
            statistics = loss_statistics(
                minibatch, terms, log_ratios, now, last, self._layout, self._options.ppo_clip_ratio
            )
            statistics["grad_norm"] = float(norm) if norm is not None else 0.0
            if terms.auxiliary is not None:
                statistics["aux_loss"] = float(terms.auxiliary)
        divergence = 0.0
        if self._options.lr_schedule != "constant":
            with torch.no_grad():
                divergence = float(masked_mean(distributions.kl(self._layout, now, part.logits, mask), part.valid))
        return terms, divergence, statistics

    def _forward(self, part: Segments) -> list[tuple[Tensor, ...]]:
        """Action parameters and values [t, b / n] of the n slices that are computed side by side.

        With an auxiliary loss, features and core outputs as well.
        """

        def evaluate(piece: Segments) -> tuple[Tensor, ...]:
            with self._precision():
                if self._auxiliary is not None:
                    return self.model.evaluate_with_features(piece.obs, piece.state, piece.resets)
                return self.model.evaluate(piece.obs, piece.state, piece.resets)

        steps = part.actions.shape[0] * part.actions.shape[1]
        count = min(self._num_slices, useful_slices(steps, self._num_weights))
        if count <= 1:
            return [evaluate(part)]
        return list(self._map(evaluate, split_columns(part, count)))

    def _backward(self, outputs: list[tuple[Tensor, ...]], joined: list[Tensor]) -> None:
        """Carry the gradients of the joined outputs on to the weights, again slice by slice."""
        sizes = [output[0].shape[1] for output in outputs]
        gradients = zip(*(torch.split(_gradient(leaf), sizes, dim=1) for leaf in joined), strict=True)

        def backward(output: tuple[Tensor, ...], gradient: tuple[Tensor, ...]) -> None:
            _Given.apply(gradient, *output).backward()  # type: ignore[no-untyped-call]

        if len(outputs) == 1:
            backward(outputs[0], next(gradients))
        else:
            list(self._map(backward, outputs, gradients))

    def _advantages(self, part: Segments, log_ratios: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised advantages, and targets in the units of the value head."""
        if part.advantages is not None and part.targets is not None:
            advantages, targets = part.advantages, part.targets
        else:
            options = self._options
            result = vtrace(
                log_ratios,
                part.rewards,
                part.terminated,
                part.valid,
                part.resets,
                self._denormalized(values),
                gamma=options.gamma,
                rho_clip=options.vtrace_rho,
                c_clip=options.vtrace_c,
            )
            advantages, targets = normalize_advantages(result.advantages, part.valid), result.targets
        if self._returns is None:
            return advantages, targets
        normalized = normalize(targets[..., None], self._returns)[..., 0]
        self._returns = update_statistics(self._returns, targets[..., None], part.valid)
        return advantages, normalized

    def _denormalized(self, values: Tensor) -> Tensor:
        return values if self._returns is None else denormalize(values[..., None], self._returns)[..., 0]

    def _step(self, with_norm: bool) -> Tensor | None:
        """The optimizer's step with clipped gradients; their norm before, if it is asked for or limited."""
        options = self._options
        limit = options.max_grad_norm
        norm = self._optimizer.gradient_norm() if limit > 0 or with_norm else None
        divisor = (norm / limit).clamp(min=1.0) if norm is not None and limit > 0 else None
        self._optimizer.step(self.learning_rate, options.adam_beta1, options.adam_beta2, options.adam_eps, divisor)
        return norm

    def _adapt_learning_rate(self, schedule: str, divergences: list[float]) -> None:
        if self._options.lr_schedule != schedule:
            return
        kl = sum(divergences) / len(divergences)
        self.learning_rate = kl_adaptive_learning_rate(self.learning_rate, kl, self._options.lr_schedule_kl_threshold)

    def _precision(self) -> AbstractContextManager[Any]:
        # No cache: each weight is used once a pass, and slices would share cached casts between threads.
        return (
            torch.autocast(self._device.type, torch.bfloat16, cache_enabled=False) if self._bfloat16 else nullcontext()
        )

    def _run_statistics(self, batch: Batch) -> dict[str, float]:
        moments = [moment.max() for moment in self._optimizer.second_moments]
        return {
            "lr": self.learning_rate,
            "same_policy_fraction": float(batch.own.float().mean()),
            "adam_max_second_moment": float(torch.stack(moments).max()),
            "num_sgd_steps": float(self.train_step),
        }

    def state_dict(self) -> dict[str, Any]:
        """Everything that training depends on; tensors and plain numbers only."""
        auxiliary = {} if self._auxiliary is None else {"aux_loss_module": self._auxiliary.network.state_dict()}
        return auxiliary | {
            "train_step": self.train_step,
            "model": self.model.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "learning_rate": self.learning_rate,
            "generator": self._generator.get_state(),
            "returns": list(self._returns) if self._returns is not None else [],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from `state_dict`."""
        self.train_step = state["train_step"]
        self.model.load_state_dict(state["model"])
        if self._auxiliary is not None and "aux_loss_module" in state:
            self._auxiliary.network.load_state_dict(state["aux_loss_module"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"].cpu())
        if state["returns"] and self._returns is not None:
            self._returns = RunningMeanStd(*state["returns"])
        if self._options.lr_schedule != "constant":
            self.learning_rate = state["learning_rate"]

    def adopt(self, state: dict[str, Any]) -> None:
        """Go on with what another policy has learnt, own counters and chance kept; counts as an update of its own."""
        own = {"train_step": self.train_step + 1, "generator": self._generator.get_state()}
        self.load_state_dict(state | own)


class _Given(torch.autograd.Function):
    """A scalar whose gradients by the outputs are given.

    `torch.autograd.backward(outputs, gradients)` compares their shapes with an algebra system: 0.3 s of the first
    update and 35 MB to import it.
    """

    @staticmethod
    def forward(ctx: Any, gradients: tuple[Tensor, ...], *outputs: Tensor) -> Tensor:
        ctx.gradients = gradients
        return outputs[0].new_zeros(())

    @staticmethod
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor | None, ...]:
        return None, *ctx.gradients


def _joined(outputs: list[tuple[Tensor, ...]]) -> list[Tensor]:
    """The outputs of all slices as leaves of the loss: their gradients are what goes back to the slices."""
    columns = zip(*outputs, strict=True)
    return [torch.cat([output.detach() for output in column], dim=1).requires_grad_() for column in columns]


def _gradient(leaf: Tensor) -> Tensor:
    assert leaf.grad is not None
    return leaf.grad


def _mask(obs: dict[str, Tensor], steps: slice) -> Tensor | None:
    return obs[MASK_KEY][steps] if MASK_KEY in obs else None
