"""The actor-critic: encoder, core and heads. Knows no loss, no process and no optimiser.

Observations are dictionaries of rows in the stored layout. Action parameters and values are always float32, whatever
the trunk (encoders and cores) computes in. With separate weights there are two trunks, the actor's first; their
features, outputs and states are concatenated.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from sample_factory.models.cores import Core
from sample_factory.models.encoders import output_size
from sample_factory.models.input_normalization import InputNormalizer
from sample_factory.models.layers import initialize, normalize_spectrally
from sample_factory.models.options import ModelOptions
from sample_factory.models.registry import build_core, build_encoder, customize_layout
from sample_factory.rl import distributions
from sample_factory.rl.spaces import MASK_KEY, ActionLayout, KeySpec

Observations = Mapping[str, Tensor]


class PolicyStep(NamedTuple):
    """What one decision of N rows produces; what the sampler records."""

    actions: Tensor  # [N, num_actions] int32, or float32 if a part is continuous
    log_probs: Tensor  # [N] float32
    action_logits: Tensor  # [N, num_logits] float32, before masking
    values: Tensor  # [N] float32
    state: Tensor  # [N, state_size] float32, the state after this step


class Evaluation(NamedTuple):
    """What the model makes of trajectories of T rows, with gradients."""

    params: Tensor  # [T, B, num_logits] float32
    values: Tensor  # [T, B] float32
    features: Tensor  # [T, B, feature_size] of the encoders
    core_out: Tensor  # [T, B, core_size]


class ActionHead(nn.Module):
    """Core output to distribution parameters in the order of the layout's parts."""

    def __init__(self, input_size: int, layout: ActionLayout, options: ModelOptions) -> None:
        super().__init__()
        self._parts = layout.parts
        num_stddevs = sum(part.size for part in layout.parts if part.kind == "gaussian")
        self._learned_stddev = num_stddevs > 0 and not options.adaptive_stddev
        self.linear = nn.Linear(input_size, layout.num_logits - num_stddevs * self._learned_stddev)
        if self._learned_stddev:
            self.log_stddev = nn.Parameter(torch.full((num_stddevs,), math.log(options.initial_stddev)))

    def forward(self, x: Tensor) -> Tensor:
        """[..., H] float32 to [..., num_logits]."""
        outputs: Tensor = self.linear(x)
        return self._with_stddev(outputs) if self._learned_stddev else outputs

    def _with_stddev(self, outputs: Tensor) -> Tensor:
        """Put the learned log standard deviations, the same for every row, behind the means of their part."""
        columns = torch.split(outputs, [part.size for part in self._parts], -1)
        log_stddevs = iter(torch.split(self.log_stddev, [p.size for p in self._parts if p.kind == "gaussian"]))
        pieces: list[Tensor] = []
        for part, column in zip(self._parts, columns, strict=True):
            pieces.append(column)
            if part.kind == "gaussian":
                pieces.append(next(log_stddevs).expand_as(column))
        return torch.cat(pieces, -1)


class ActorCritic(nn.Module):
    """A policy and a value function over one action layout."""

    def __init__(self, keys: Mapping[str, KeySpec], layout: ActionLayout, options: ModelOptions) -> None:
        super().__init__()
        self.layout = layout = customize_layout(layout, options)
        """Of the actions, with the distributions that the options ask for."""
        encoded = {name: spec for name, spec in keys.items() if spec.kind != "mask"}
        if not encoded:
            raise ValueError(f"an observation needs a key besides {MASK_KEY!r}")
        self._has_mask = MASK_KEY in keys
        self.input_normalizer = InputNormalizer(encoded, options)
        num_trunks = 1 if options.actor_critic_share_weights else 2
        self.encoders = nn.ModuleList(build_encoder(encoded, options) for _ in range(num_trunks))
        feature_size = output_size(self.encoders[0])
        self._cores: list[Core] = [build_core(feature_size, options) for _ in range(num_trunks)]
        self.cores = nn.ModuleList(cast(nn.Module, core) for core in self._cores)
        core_size = self._cores[0].output_size
        self.feature_size, self.core_size = num_trunks * feature_size, num_trunks * core_size
        """Widths of what `features` and the core give."""
        self.state_size = num_trunks * self._cores[0].state_size
        """Width of a row's recurrent state; 0 without an RNN."""
        self.action_head = ActionHead(core_size, layout, options)
        self.value_head = nn.Linear(core_size, 1)
        initialize(self, options)
        # Weights in the layout in which images arrive. (Module.to has no typed overload for this.)
        self.encoders.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        if options.use_spectral_norm:
            normalize_spectrally(self.encoders)

    def initial_state(self, num_rows: int) -> Tensor:
        """[N, state_size] zeros, the state at the first observation of an episode."""
        return self.value_head.weight.new_zeros(num_rows, self.state_size)

    # hot path
    @torch.no_grad()
    def act(
        self,
        obs: Observations,
        state: Tensor,
        generator: torch.Generator | None = None,
        deterministic: bool = False,
    ) -> PolicyStep:
        """Decide for N rows.

        Args:
            obs: [N, *stored shape] per key.
            state: [N, state_size], zero at the first observation of an episode.
            generator: source of randomness.
            deterministic: take the most probable actions instead of random ones.
        """
        core_out, new_state = self.step(self.features(obs), state)
        params, values = self.heads(core_out)
        mask = self.action_mask(obs)
        if deterministic:
            actions = distributions.mode(self.layout, params, mask)
            log_probs = distributions.log_prob(self.layout, params, actions, mask)
        else:
            actions, log_probs = distributions.sample_with_log_prob(self.layout, params, mask, generator)
        return PolicyStep(actions, log_probs, params, values, new_state)

    def evaluate(self, obs: Observations, state: Tensor, resets: Tensor) -> tuple[Tensor, Tensor]:
        """Action parameters [T, B, num_logits] and values [T, B] of trajectories, with gradients.

        Args:
            obs: [T, B, *stored shape] per key; T may include the bootstrap row.
            state: [B, state_size] at the first row.
            resets: [T, B] or [T - 1, B] bool; where resets[t], row t + 1 starts an episode with zero state.
        """
        found = self.evaluate_with_features(obs, state, resets)
        return found.params, found.values

    def evaluate_with_features(self, obs: Observations, state: Tensor, resets: Tensor) -> Evaluation:
        """`evaluate`, and what lies between the observations and its results."""
        num_steps, num_rows = next(iter(obs.values())).shape[:2]
        features = self.features({name: rows.flatten(0, 1) for name, rows in obs.items()})
        features = features.reshape(num_steps, num_rows, -1)
        core_out = self.sequence(features, state, resets)
        return Evaluation(*self.heads(core_out), features, core_out)

    def features(self, obs: Observations) -> Tensor:
        """Rows [N, *stored shape] per key to features [N, E]."""
        obs = self.input_normalizer(obs)
        if len(self.encoders) == 1:
            return self.encoders[0](obs)  # type: ignore[no-any-return]
        return torch.cat([encoder(obs) for encoder in self.encoders], 1)

    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the core: features [N, E] and state [N, S] to output [N, H] and the new float32 state [N, S]."""
        if len(self._cores) == 1:
            return self._cores[0].step(features, state)
        pairs = zip(self._cores, features.chunk(2, 1), state.chunk(2, 1), strict=True)
        outputs, states = zip(*(core.step(part, own) for core, part, own in pairs), strict=True)
        return torch.cat(outputs, 1), torch.cat(states, 1)

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        """The core over time: features [T, B, E] from state [B, S] to outputs [T, B, H]."""
        if len(self._cores) == 1:
            return self._cores[0].sequence(features, state, resets)
        pairs = zip(self._cores, features.chunk(2, 2), state.chunk(2, 1), strict=True)
        return torch.cat([core.sequence(part, own, resets) for core, part, own in pairs], 2)

    def heads(self, core_out: Tensor) -> tuple[Tensor, Tensor]:
        """Core output [..., H] to action parameters [..., num_logits] and values [...], float32 even under autocast."""
        device = core_out.device.type
        if torch.is_autocast_enabled(device):
            with torch.autocast(device, enabled=False):
                return self.heads(core_out)
        core_out = core_out.float()
        actor_out, critic_out = core_out, core_out
        if len(self._cores) == 2:
            actor_out, critic_out = core_out.chunk(2, -1)
        return self.action_head(actor_out), self.value_head(critic_out).squeeze(-1)

    def action_mask(self, obs: Observations) -> Tensor | None:
        """The mask to give to the distribution functions, if the environment has one."""
        return obs[MASK_KEY] if self._has_mask else None

    def update_normalizers(self, obs: Observations, valid: Tensor) -> None:
        """Take observations [T, B, ...] into the running statistics where `valid` [T, B]; for the learner to call."""
        self.input_normalizer.update(obs, valid)

    def to_inference_precision(self, dtype: torch.dtype) -> ActorCritic:
        """Convert the trunk in place; heads, running statistics and first layers of vectors stay float32.

        Load weights afterwards.
        """
        self.encoders.to(dtype)
        self.cores.to(dtype)
        return self


def make_actor_critic(keys: Mapping[str, KeySpec], layout: ActionLayout, options: ModelOptions) -> ActorCritic:
    """Build and initialise a model; the randomness is torch's global one.

    Raises:
        ValueError: an option has an unknown value, or the images are too small for the encoder.
    """
    return ActorCritic(keys, layout, options)
