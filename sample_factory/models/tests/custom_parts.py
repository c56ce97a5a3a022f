"""An encoder, cores and distributions as users would write them, right and wrong. Know no test."""

from __future__ import annotations

from collections.abc import Mapping

import gymnasium as gym
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import softplus

from sample_factory.models.cores import unroll
from sample_factory.models.options import ModelOptions
from sample_factory.rl.spaces import KeySpec


class Linear(nn.Module):
    """Four features of "obs"."""

    output_size = 4

    def __init__(self, keys: Mapping[str, KeySpec], options: ModelOptions) -> None:
        super().__init__()
        self.linear = nn.Linear(keys["obs"].shape[0], 4)

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        return self.linear(obs["obs"].to(self.linear.weight.dtype))


class Dropping(Linear):
    """With a layer that acts otherwise than it learns."""

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        return nn.functional.dropout(super().forward(obs), training=self.training)


class Stubborn(Linear):
    """Believes that weights are always float32."""

    def forward(self, obs: Mapping[str, Tensor]) -> Tensor:
        return self.linear(obs["obs"].float())


class Sizeless(Linear):
    """Does not say how wide it is."""

    output_size = None  # type: ignore[assignment]


class RunningMean(nn.Module):
    """Remembers four numbers, of which each step forgets a part."""

    state_size = output_size = 4

    def __init__(self, input_size: int, options: ModelOptions) -> None:
        super().__init__()
        self.linear = nn.Linear(input_size, 4)

    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        state = 0.5 * state + self.linear(features).float()
        return state.to(features.dtype), state

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        return unroll(self, features, state, resets)


class Unforgetting(RunningMean):
    """Carries its memory into the next episode when it learns."""

    def sequence(self, features: Tensor, state: Tensor, resets: Tensor) -> Tensor:
        return unroll(self, features, state, torch.zeros_like(resets))


class Narrow(RunningMean):
    """Returns less state than it announces."""

    state_size = 5

    def step(self, features: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        return super().step(features, state[:, :4])


class Beta:
    """On the bounds of its space; zero may lie outside of them."""

    def __init__(self, space: gym.spaces.Box) -> None:
        self.low = torch.from_numpy(space.low.reshape(-1))
        self.width = torch.from_numpy((space.high - space.low).reshape(-1))
        self.num_params = 2 * len(self.low)

    def sample(self, params: Tensor, generator: Generator | None) -> Tensor:
        x, y = torch._standard_gamma(softplus(params) + 1, generator=generator).chunk(2, -1)
        return self.low + self.width * (x / (x + y)).clamp(1e-6, 1 - 1e-6)

    def mode(self, params: Tensor) -> Tensor:
        a, b = softplus(params).chunk(2, -1)
        return self.low + self.width * a / (a + b)

    def log_prob(self, params: Tensor, actions: Tensor) -> Tensor:
        return (self._beta(params).log_prob((actions - self.low) / self.width) - self.width.log()).sum(-1)

    def entropy(self, params: Tensor) -> Tensor:
        return (self._beta(params).entropy() + self.width.log()).sum(-1)

    def kl(self, p_params: Tensor, q_params: Tensor) -> Tensor:
        return torch.distributions.kl_divergence(self._beta(p_params), self._beta(q_params)).sum(-1)

    @staticmethod
    def _beta(params: Tensor) -> torch.distributions.Beta:
        return torch.distributions.Beta(*(softplus(params) + 1).chunk(2, -1), validate_args=False)


class Column(Beta):
    """Keeps a dimension that should be summed over."""

    def log_prob(self, params: Tensor, actions: Tensor) -> Tensor:
        return super().log_prob(params, actions)[..., None]


class Shifted(Beta):
    """Finds a distance between a distribution and itself."""

    def kl(self, p_params: Tensor, q_params: Tensor) -> Tensor:
        return super().kl(p_params, q_params) + 1
